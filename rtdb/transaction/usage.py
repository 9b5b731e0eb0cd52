"""What one execution may read and write (data-model §8.1), counted.

A limit that is crossed is an error at the call that crosses it. The app can catch it, which gives nothing back: every
further read fails too. What came near a limit and stayed below is said in a sentence, so that an app is not surprised
when its data have grown a little more.
"""

from __future__ import annotations

from rtdb.config import Limits
from rtdb.errors import LimitError
from rtdb.transaction.near_limit import near_limit
from rtdb.transaction.read_set import ADVICE
from rtdb.values.violations import display_bytes

__all__ = ["Usage"]


class Usage:
    """Documents and bytes read and written so far. The size of a document is taken to be that of its JSON, which is at
    hand, where the reference measures values: the limits are coarse and the two are close."""

    __slots__ = ("_bytes_read", "_bytes_written", "_documents_read", "_documents_written", "_limits")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._documents_read = 0
        self._bytes_read = 0
        self._documents_written = 0
        self._bytes_written = 0

    def count_read(self, data_bytes: int) -> None:
        """Count one document read. Raises :class:`LimitError`."""
        self._documents_read += 1
        self._bytes_read += data_bytes
        limits = self._limits
        if self._documents_read > limits.documents_read_max:
            raise LimitError(
                "Too many documents read in a single function execution "
                f"(limit: {limits.documents_read_max}). {ADVICE}",
                code="TooManyDocumentsRead",
            )
        if self._bytes_read > limits.bytes_read_max:
            raise LimitError(
                f"Too many bytes read in a single function execution (limit: {limits.bytes_read_max} bytes). {ADVICE}",
                code="TooManyBytesRead",
            )

    def near_limits(self) -> list[str]:
        """Return the warnings of what was used nearly up."""
        limits = self._limits
        where = "in a single function execution"
        return [
            *near_limit(f"Many documents read {where}", self._documents_read, limits.documents_read_max),
            *near_limit(f"Many bytes read {where}", self._bytes_read, limits.bytes_read_max, " bytes"),
            *near_limit(f"Many writes {where}", self._documents_written, limits.documents_written_max),
            *near_limit(f"Many bytes written {where}", self._bytes_written, limits.bytes_written_max, " bytes"),
        ]

    def writes_counted(self) -> tuple[int, int]:
        """Return documents and bytes written so far."""
        return self._documents_written, self._bytes_written

    def uncount_writes(self, counted: tuple[int, int]) -> None:
        """Go back to what :meth:`writes_counted` returned."""
        self._documents_written, self._bytes_written = counted

    def count_write(self, data_bytes: int) -> None:
        """Count one write, unless it is one too many: then it did not happen. Raises :class:`LimitError`."""
        limits = self._limits
        if self._documents_written >= limits.documents_written_max:
            raise LimitError(
                f"Too many writes in a single function execution (limit: {limits.documents_written_max})",
                code="TooManyWrites",
            )
        if self._bytes_written + data_bytes > limits.bytes_written_max:
            raise LimitError(
                "Too many bytes written in a single function execution "
                f"(limit: {display_bytes(limits.bytes_written_max)})",
                code="TooManyBytesWritten",
            )
        self._documents_written += 1
        self._bytes_written += data_bytes
