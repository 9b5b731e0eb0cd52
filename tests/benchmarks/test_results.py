"""What is done with results: comparing two, drawing all."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hdrh.histogram import HdrHistogram

from benchmarks.harness.comparison import compare, differences
from benchmarks.harness.page import make_page
from benchmarks.harness.results import (
    Goal,
    Histogram,
    Judgement,
    Metric,
    Result,
    Series,
    save_result,
    this_machine,
)
from benchmarks.harness.statistics import number_text, probability_by_chance, spread_text

RATE = Metric("rate", "1/s", "higher")
TIME = Metric("p50", "ms", "lower")


def result(*series: Series, name: str = "transfer", quick: bool = False) -> Result:
    histogram = HdrHistogram(1, 1_000_000, 3)
    for value in range(1, 1000):
        histogram.record_value(value)
    return Result(
        benchmark=name,
        question="How many?",
        quick=quick,
        profiled=False,
        options={},
        machine=this_machine(),
        began="2026-01-01T00:00:00Z",
        seconds=1.0,
        load_averages=[0.1, 0.2],
        series=list(series),
        histograms=[Histogram("http", "rtdb", "closed loop", histogram.encode().decode())],
        judgements=[Judgement(Goal(variant="http", metric="rate", at_least=10), 12.0, True)],
        notes=["<b>taken with care</b>"],
    )


def series(metric: Metric, *values: float, subject: str = "rtdb") -> Series:
    return Series("http", subject, metric, list(values))


def test_ranks_that_do_not_overlap_are_as_unlikely_as_their_deals_are_few() -> None:
    assert probability_by_chance([1, 2, 3, 4], [5, 6, 7, 8]) == pytest.approx(2 / 70)
    assert probability_by_chance([1, 2, 3], [4, 5, 6]) == pytest.approx(2 / 20)


def test_interleaved_and_equal_values_are_likely() -> None:
    assert probability_by_chance([1, 3, 5, 7], [2, 4, 6, 8]) > 0.5
    assert probability_by_chance([5, 5, 5, 5], [5, 5, 5, 5]) == 1.0


@pytest.mark.parametrize("shift", [0, 4, 9])
def test_what_long_series_are_judged_by_agrees_with_counting(shift: int) -> None:
    first, second = [*range(0, 18, 2)], [*range(1 + shift, 17 + shift, 2)]
    exact = probability_by_chance(first, second)
    assert probability_by_chance(first, second, deals_max=0) == pytest.approx(exact, abs=0.06)


@pytest.mark.parametrize(
    ("metric", "after", "verdict"),
    [
        (RATE, (130, 131, 132, 133), "better"),
        (RATE, (70, 71, 72, 73), "worse"),
        (TIME, (70, 71, 72, 73), "better"),
        (TIME, (130, 131, 132, 133), "worse"),
        (Metric("group", "", "neither"), (130, 131, 132, 133), "different"),
        (RATE, (101, 102, 99, 100), "same"),
        (RATE, (103.1, 103.2, 103.3, 103.4), "same"),  # beyond chance, and too little to matter
        (RATE, (130, 131), "too few runs"),
    ],
)
def test_verdict(metric: Metric, after: tuple[float, ...], verdict: str) -> None:
    found = differences(result(series(metric, 100, 101, 102, 103)), result(series(metric, *after)), margin=0.03)
    assert [difference.verdict for difference in found] == [verdict]


def test_exit_code_of_a_comparison_says_whether_something_is_worse(tmp_path: Path) -> None:
    before, better, worse = tmp_path / "before", tmp_path / "better", tmp_path / "worse"
    save_result(result(series(RATE, 100, 101, 102, 103)), before)
    save_result(result(series(RATE, 130, 131, 132, 133)), better)
    save_result(result(series(RATE, 70, 71, 72, 73)), worse)
    assert compare([str(before), str(better)]) == 0
    assert compare([str(before), str(worse)]) == 1
    assert compare([str(before / "transfer.json"), str(worse / "transfer.json")]) == 1


def test_a_floor_that_moved_is_said_and_makes_nothing_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    floor = "floor: empty POST"
    save_result(result(series(RATE, 100, 101, 102, 103, subject=floor)), tmp_path / "before")
    save_result(result(series(RATE, 70, 71, 72, 73, subject=floor)), tmp_path / "after")
    assert compare([str(tmp_path / "before"), str(tmp_path / "after")]) == 0
    assert "floors moved" in capsys.readouterr().out


@pytest.mark.parametrize("flaw", ["quick", "other", "missing", "no result", "few"])
def test_what_cannot_be_compared_is_refused(flaw: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    save_result(result(series(RATE, 100, 101, 102, 103)), before)
    values = (130,) if flaw == "few" else (130, 131, 132, 133)
    if flaw != "missing":
        name = "fanout" if flaw == "other" else "transfer"
        path = save_result(result(series(RATE, *values), quick=flaw == "quick", name=name), after)
        if flaw == "no result":
            path.write_text("{}")
    assert compare([str(before), str(after / "transfer.json" if flaw == "missing" else after)]) == 2
    assert capsys.readouterr().err


def test_page_is_one_file_with_plots_numbers_and_goals_in_it(tmp_path: Path) -> None:
    save_result(result(series(RATE, 100, 101), series(TIME, 3, 4)), tmp_path)
    (tmp_path / "flames").mkdir()
    (tmp_path / "flames" / "transfer-http-hub-0.svg").write_text("<svg/>")
    assert make_page([str(tmp_path)]) == 0
    page = (tmp_path / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "data:image/svg+xml;base64," in page
    assert "met    http: rate ≥ 10.0; measured 12.0" in page
    assert "&lt;b&gt;taken with care" in page
    assert "http://" not in page
    assert "https://" not in page
    for name in ("transfer.png", "transfer-latency.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_page_of_nothing_is_refused(tmp_path: Path) -> None:
    assert make_page([str(tmp_path)]) == 2
    (tmp_path / "broken.json").write_text("[]")
    assert make_page([str(tmp_path)]) == 2


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = result(series(RATE, 1.5, 2.5))
    path = save_result(written, tmp_path)
    assert msgspec.json.decode(path.read_bytes(), type=Result) == written


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.01234, "0.0123"), (1.0, "1.00"), (123.4, "123"), (45678.9, "45,679")]
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number_text(value) == text


def test_spread_of_one_value_is_the_value() -> None:
    assert spread_text([2.0]) == "2.00"
    assert spread_text([1.0, 2.0, 9.0]) == "2.00 (1.00\N{EN DASH}9.00)"
