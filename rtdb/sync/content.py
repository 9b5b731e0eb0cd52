"""What one execution of a query returned, encoded once for everybody who watches it."""

from __future__ import annotations

import msgspec
from blake3 import blake3

from rtdb.link.frames import ExecutionError
from rtdb.sync.messages import function_error_text

__all__ = ["Content", "error_content", "value_content"]


class Content:
    """A result as the parts of its modification before and after the query id. Compared by identity.

    ``digest`` is equal for results that a client cannot tell apart: value or error, and log lines; the journal and an
    error's request id do not count (sync-protocol §6.3). ``failure`` is set when the result is not an outcome of the
    function: a session that would be shown it ends instead.
    """

    __slots__ = ("digest", "failure", "head", "journal", "tail")

    def __init__(
        self, head: bytes, tail: bytes, digest: bytes, journal: str | None, failure: ExecutionError | None
    ) -> None:
        self.head = head
        self.tail = tail
        self.digest = digest
        self.journal = journal
        self.failure = failure


def value_content(value: bytes, log_lines: list[str], journal: str | None) -> Content:
    """Return the content of a query that returned a value (encoded JSON)."""
    said = b',"value":%b,"logLines":%b' % (value, _encode_lines(log_lines))
    return Content(b'{"type":"QueryUpdated","queryId":', said + _end(journal), _digest(said), journal, None)


def error_content(
    error: ExecutionError, log_lines: list[str], journal: str | None, *, request: str, redact: bool
) -> Content:
    """Return the content of a query that failed; ``request`` is the id of this execution, 16 hex digits."""
    lines = _encode_lines(log_lines)
    data = b"" if error.data is None else b',"errorData":' + error.data
    shown, compared = (
        b',"errorMessage":%b%b,"logLines":%b'
        % (msgspec.json.encode(function_error_text(name, error, redact=redact)), data, lines)
        for name in (request, "")
    )
    failure = error if error.system else None
    return Content(b'{"type":"QueryFailed","queryId":', shown + _end(journal), _digest(compared), journal, failure)


def _encode_lines(log_lines: list[str]) -> bytes:
    return msgspec.json.encode(log_lines) if log_lines else b"[]"


def _end(journal: str | None) -> bytes:
    return b',"journal":null}' if journal is None else b',"journal":%b}' % msgspec.json.encode(journal)


def _digest(said: bytes) -> bytes:
    return blake3(said).digest(16)
