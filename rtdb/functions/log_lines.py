"""The log lines of one execution, bounded (data-model §8.2, sync-protocol §8).

A line is ``[LEVEL] text``. At most ``log_lines_max`` lines are kept, the last of which then says that more were
omitted; a line is cut at ``log_line_bytes_max`` bytes and says so too. A result is cached and compared together with
its lines, so what goes in here must depend on nothing but the execution.
"""

from __future__ import annotations

import io
from typing import Literal

from rtdb.config import Limits

__all__ = ["LogLevel", "LogLines", "PrintCapture"]

LogLevel = Literal["DEBUG", "ERROR", "WARN", "INFO", "LOG"]

TRUNCATED = " (truncated due to length)"


class LogLines:
    """Collects lines; ``lines`` is what leaves the execution."""

    __slots__ = ("_limits", "lines")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.lines: list[str] = []

    def add(self, level: LogLevel, text: str) -> None:
        """Append one line; what is over the limits is dropped and replaced by a remark."""
        lines_max = self._limits.log_lines_max
        if len(self.lines) >= lines_max:
            return
        if len(self.lines) == lines_max - 1:
            self.lines.append(f"[ERROR] Log overflow (maximum {lines_max}). Remaining log lines omitted.")
            return
        self.lines.append(self._cut(f"[{level}] {text}"))

    def _cut(self, line: str) -> str:
        bytes_max = self._limits.log_line_bytes_max
        # Unpaired surrogates may be printed but cannot be sent.
        encoded = line.encode("utf-8", "replace")
        if len(encoded) <= bytes_max:
            return encoded.decode() if not line.isascii() else line
        return encoded[: bytes_max - len(TRUNCATED)].decode("utf-8", "ignore") + TRUNCATED


class PrintCapture(io.TextIOBase):
    """A stand-in for standard output that turns what is printed into ``[LOG]`` lines, one for each ``print``."""

    def __init__(self, log_lines: LogLines) -> None:
        self.log_lines = log_lines
        self._pending: list[str] = []

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        # print() writes its end separately, so a line that contains line breaks stays one entry.
        if text.endswith("\n"):
            self._pending.append(text[:-1])
            self.finish()
        elif text:
            self._pending.append(text)
        return len(text)

    def finish(self) -> None:
        """Turn what was written without a line break at its end into a line."""
        if self._pending:
            self.log_lines.add("LOG", "".join(self._pending))
            self._pending.clear()
