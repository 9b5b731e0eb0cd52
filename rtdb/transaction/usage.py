"""What one execution may read and write (data-model §8.1), counted.

A limit that is crossed is an error at the call that crosses it. The app can catch it, which gives nothing back: every
further read fails too. What came near a limit and stayed below is said in a sentence, so that an app is not surprised
when its data have grown a little more.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from rtdb.config import Limits
from rtdb.errors import LimitError
from rtdb.link.frames import DatabaseUsage
from rtdb.transaction.near_limit import is_near, near_limit
from rtdb.transaction.read_set import ADVICE
from rtdb.values.violations import display_bytes

__all__ = ["Usage"]


class Usage:
    """Documents and bytes read and written so far. The size of a document is taken to be that of its JSON, which is at
    hand, where the reference measures values: the limits are coarse and the two are close."""

    __slots__ = (
        "_bytes_read",
        "_bytes_scheduled",
        "_bytes_written",
        "_documents_read",
        "_documents_written",
        "_functions_scheduled",
        "_limits",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._documents_read = 0
        self._bytes_read = 0
        self._documents_written = 0
        self._bytes_written = 0
        self._functions_scheduled = 0
        self._bytes_scheduled = 0

    def count_read(self, data_bytes: int) -> None:
        """Count one document read. Raises :class:`LimitError`."""
        self.count_reads(1, data_bytes)

    def count_reads(self, documents: int, data_bytes: int) -> None:
        """Count documents read, of so many bytes together. Raises :class:`LimitError`."""
        self._documents_read += documents
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

    def may_read(self, documents: int, data_bytes: int) -> bool:
        """Whether so much more can be read."""
        limits = self._limits
        return (
            self._documents_read + documents <= limits.documents_read_max
            and self._bytes_read + data_bytes <= limits.bytes_read_max
        )

    def restrict(self, allowance: Mapping[str, int]) -> Limits:
        """Allow only so much more, by the names of limits, and never more than before; return the limits until now."""
        limits = self._limits
        metrics = self.metrics()
        ceilings = {
            name: min(metrics[name][1], metrics[name][0] + more) for name, more in allowance.items() if name in metrics
        }
        self._limits = msgspec.structs.replace(limits, **ceilings)
        return limits

    def metrics(self) -> dict[str, tuple[int, int]]:
        """Return what has been used, and of how much, by the names of limits."""
        limits = self._limits
        return {
            "documents_read_max": (self._documents_read, limits.documents_read_max),
            "bytes_read_max": (self._bytes_read, limits.bytes_read_max),
            "documents_written_max": (self._documents_written, limits.documents_written_max),
            "bytes_written_max": (self._bytes_written, limits.bytes_written_max),
            "functions_scheduled_max": (self._functions_scheduled, limits.functions_scheduled_max),
            "scheduled_arguments_bytes_max": (self._bytes_scheduled, limits.scheduled_arguments_bytes_max),
        }

    def lift(self, limits: Limits) -> None:
        """Go back to the limits that :meth:`restrict` returned."""
        self._limits = limits

    def total(self) -> DatabaseUsage:
        """Return what has been counted."""
        return DatabaseUsage(self._documents_read, self._bytes_read, self._documents_written, self._bytes_written)

    def near_limits(self) -> list[str]:
        """Return the warnings of what was used nearly up."""
        limits = self._limits
        if not (
            is_near(self._documents_read, limits.documents_read_max)
            or is_near(self._bytes_read, limits.bytes_read_max)
            or is_near(self._documents_written, limits.documents_written_max)
            or is_near(self._bytes_written, limits.bytes_written_max)
            or is_near(self._functions_scheduled, limits.functions_scheduled_max)
            or is_near(self._bytes_scheduled, limits.scheduled_arguments_bytes_max)
        ):
            return []  # as nearly always, and the sentences would take longer than this
        where = "in a single function execution"
        return [
            *near_limit(f"Many documents read {where}", self._documents_read, limits.documents_read_max),
            *near_limit(f"Many bytes read {where}", self._bytes_read, limits.bytes_read_max, " bytes"),
            *near_limit(f"Many writes {where}", self._documents_written, limits.documents_written_max),
            *near_limit(f"Many bytes written {where}", self._bytes_written, limits.bytes_written_max, " bytes"),
            *near_limit(
                "Many functions scheduled by this mutation", self._functions_scheduled, limits.functions_scheduled_max
            ),
            *near_limit(
                "Large total size of the arguments of scheduled functions from this mutation",
                self._bytes_scheduled,
                limits.scheduled_arguments_bytes_max,
                " bytes",
            ),
        ]

    def writes_counted(self) -> tuple[int, int, int, int]:
        """Return documents and bytes written, functions scheduled and bytes of their arguments, so far."""
        return self._documents_written, self._bytes_written, self._functions_scheduled, self._bytes_scheduled

    def uncount_writes(self, counted: tuple[int, int, int, int]) -> None:
        """Go back to what :meth:`writes_counted` returned."""
        self._documents_written, self._bytes_written, self._functions_scheduled, self._bytes_scheduled = counted

    def count_scheduled(self, arguments_bytes: int) -> None:
        """Count one scheduled function, unless it is one too many. Raises :class:`LimitError`."""
        limits = self._limits
        if self._functions_scheduled >= limits.functions_scheduled_max:
            raise LimitError(
                f"Too many functions scheduled by this mutation (limit: {limits.functions_scheduled_max})",
                code="TooManyFunctionsScheduled",
            )
        if self._bytes_scheduled + arguments_bytes > limits.scheduled_arguments_bytes_max:
            raise LimitError(
                "Too large total size of the arguments of scheduled functions from this mutation "
                f"(limit: {limits.scheduled_arguments_bytes_max} bytes)",
                code="ScheduledFunctionsArgumentsTooLarge",
            )
        self._functions_scheduled += 1
        self._bytes_scheduled += arguments_bytes

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
