"""Records of the function log as readers get them (platform §6): JSON in the reference's form.

Times are seconds, but for the cursor and for the timestamps inside structured lines, which are milliseconds. A line is
structured for readers that know how to show one, and ``[LEVEL] text`` for all others.

What an action prints is told while it runs, so its completion repeats no line, unless a reader wants completions only.
"""

from __future__ import annotations

import re
from typing import Final, Literal
from uuid import UUID

import msgspec

from rtdb.link.frames import Beaten, CallerKind, IdentityType, LogPage, LogRecord

__all__ = ["LogFormat", "encode_page"]

TRUNCATED: Final = " (truncated due to length)"
_LINE: Final = re.compile(r"\[(DEBUG|ERROR|WARN|INFO|LOG)\] ", re.ASCII)

UdfType = Literal["Query", "Mutation", "Action", "HttpAction"]
_UDF_TYPES: Final[dict[str, UdfType]] = {
    "query": "Query",
    "mutation": "Mutation",
    "action": "Action",
    "http": "HttpAction",
}


class LogFormat(msgspec.Struct, frozen=True):
    """What a reader wants.

    ``structured``: lines as objects. ``progress``: what actions print while they run. ``request``: only what that
    client's request ran itself, not what that ran in turn.
    """

    structured: bool
    progress: bool = True
    request: str | None = None


class _Line(msgspec.Struct, rename="camel"):
    messages: list[str]
    is_truncated: bool
    timestamp: float
    level: str
    system_metadata: None = None


class _UsageStats(msgspec.Struct, rename="camel"):
    """What is not counted, or does not exist here, is 0."""

    database_read_bytes: int
    database_write_bytes: int
    database_io_read_bytes: int
    database_io_write_bytes: int
    database_read_documents: int
    database_write_documents: int
    storage_read_bytes: int = 0
    storage_write_bytes: int = 0
    vector_index_read_bytes: int = 0
    vector_index_write_bytes: int = 0
    text_index_query_bytes: int = 0
    text_index_write_query_bytes: int = 0
    vector_index_read_query_bytes: int = 0
    vector_index_write_query_bytes: int = 0
    network_egress_bytes: int = 0
    memory_used_mb: int = 0


class _Progress(msgspec.Struct, rename="camel", tag_field="kind", tag="Progress"):
    udf_type: UdfType
    component_path: None
    identifier: str
    timestamp: float
    log_lines: list[_Line] | list[str]
    request_id: str
    execution_id: str


class _OccInfo(msgspec.Struct, rename="camel"):
    table_name: str | None
    document_id: None
    write_source: str | None
    component_path: None
    retry_count: int


class _Completion(msgspec.Struct, rename="camel", tag_field="kind", tag="Completion"):
    udf_type: UdfType
    component_path: None
    identifier: str
    log_lines: list[_Line] | list[str]
    timestamp: float
    cached_result: bool
    caller: CallerKind
    parent_execution_id: str | None
    execution_time: float
    user_execution_time: float | None
    success: dict[str, str] | None
    error: str | None
    request_id: str
    execution_id: str
    usage_stats: _UsageStats
    return_bytes: int | None
    occ_info: _OccInfo | None
    will_retry: bool
    execution_timestamp: float
    identity_type: IdentityType
    environment: Literal["isolate", "node"]


class _Answer(msgspec.Struct, rename="camel", omit_defaults=True):
    entries: list[_Progress | _Completion]
    new_cursor: float
    incomplete: bool = False
    """Not the reference's: entries after the cursor that was asked about are lost."""


def encode_page(page: LogPage, wanted: LogFormat) -> bytes:
    """Return what a reader is answered."""
    entries = [_entry(record, page.server, wanted) for record in page.records if _is_wanted(record, wanted)]
    return msgspec.json.encode(_Answer(entries, page.cursor / 1000, page.incomplete))


def _is_wanted(record: LogRecord, wanted: LogFormat) -> bool:
    if record.progress and not wanted.progress:
        return False
    return wanted.request is None or (record.origin.request == wanted.request and not record.origin.parent)


def _entry(record: LogRecord, server: int, wanted: LogFormat) -> _Progress | _Completion:
    seconds = record.micros / 1e6
    ended = record.cursor / 1e6
    lines = [] if record.kind in ("action", "http") and not record.progress and wanted.progress else record.log_lines
    # A query or mutation stands at one moment; what an action prints is recorded as it comes.
    printed = ended if record.progress else ended - seconds
    shown = _structured(lines, printed * 1000) if wanted.structured else lines
    udf_type, identifier = _UDF_TYPES[record.kind], record.path.removesuffix(":default")
    execution_id = _execution_id(server, record.execution)
    if record.progress:
        return _Progress(
            udf_type=udf_type,
            component_path=None,
            identifier=identifier,
            timestamp=ended - seconds,
            log_lines=shown,
            request_id=record.origin.request,
            execution_id=execution_id,
        )
    usage = record.usage
    return _Completion(
        udf_type=udf_type,
        component_path=None,
        identifier=identifier,
        log_lines=shown,
        timestamp=ended,
        cached_result=record.cached,
        caller=record.origin.caller,
        parent_execution_id=_execution_id(server, record.origin.parent) if record.origin.parent else None,
        execution_time=seconds,
        user_execution_time=None if record.cached else seconds,
        success={"status": str(record.http_status)} if record.http_status and record.error is None else None,
        error=record.error,
        request_id=record.origin.request,
        execution_id=execution_id,
        usage_stats=_UsageStats(
            database_read_bytes=usage.bytes_read,
            database_write_bytes=usage.bytes_written,
            database_io_read_bytes=usage.bytes_read,
            database_io_write_bytes=usage.bytes_written,
            database_read_documents=usage.documents_read,
            database_write_documents=usage.documents_written,
        ),
        return_bytes=None if record.kind == "http" else record.result_bytes,
        occ_info=_occ_info(record.beaten),
        will_retry=False,
        execution_timestamp=ended - seconds,
        identity_type=record.identity,
        environment="node" if record.in_node else "isolate",
    )


def _occ_info(beaten: Beaten | None) -> _OccInfo | None:
    if beaten is None:
        return None
    return _OccInfo(
        table_name=beaten.table or None,
        document_id=None,
        write_source=beaten.source or None,
        component_path=None,
        retry_count=beaten.times,
    )


def _structured(lines: list[str], timestamp: float) -> list[_Line]:
    structured = []
    for line in lines:
        match = _LINE.match(line)
        level, text = ("LOG", line) if match is None else (match[1], line[match.end() :])
        is_truncated = text.endswith(TRUNCATED)
        structured.append(_Line([text.removesuffix(TRUNCATED)], is_truncated, timestamp, level))
    return structured


def _execution_id(server: int, execution: int) -> str:
    """Return an id that no other execution has or will have, in the form of a UUID."""
    return str(UUID(bytes=server.to_bytes(8, "big") + execution.to_bytes(8, "big")))
