from __future__ import annotations

from rtdb.config import Limits
from rtdb.functions.log_lines import LogLines, PrintCapture


def test_lines_over_the_limit_are_replaced_by_one_remark() -> None:
    lines = LogLines(Limits())
    for number in range(300):
        lines.add("LOG", str(number))
    assert len(lines.lines) == 256
    assert lines.lines[254] == "[LOG] 254"
    assert lines.lines[255] == "[ERROR] Log overflow (maximum 256). Remaining log lines omitted."


def test_a_long_line_is_cut_inside_its_limit_and_never_inside_a_character() -> None:
    lines = LogLines(Limits(log_line_bytes_max=100))
    lines.add("LOG", "é" * 100)
    (line,) = lines.lines
    assert line.endswith("é (truncated due to length)")
    assert len(line.encode()) in (99, 100)


def test_a_line_of_exactly_the_limit_is_kept() -> None:
    lines = LogLines(Limits(log_line_bytes_max=10))
    lines.add("LOG", "1234")
    assert lines.lines == ["[LOG] 1234"]


def test_text_that_cannot_be_sent_is_replaced() -> None:
    lines = LogLines(Limits())
    lines.add("LOG", "a\ud800b")
    assert lines.lines == ["[LOG] a?b"]


def test_print_with_parts_ends_and_line_breaks() -> None:
    lines = LogLines(Limits())
    capture = PrintCapture(lines)
    print("a", "b", file=capture)
    print("c", end="", file=capture)
    print("d", file=capture)
    print(file=capture)
    capture.write("two\nlines\n")
    capture.write("rest")
    capture.finish()
    assert lines.lines == ["[LOG] a b", "[LOG] cd", "[LOG] ", "[LOG] two\nlines", "[LOG] rest"]
