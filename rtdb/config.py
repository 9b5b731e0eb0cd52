"""Config and Limits: what an operator may set, each value with its unit, its reason and its default.

Both are frozen and travel to child processes as one JSON value; nothing else in the tree reads the environment.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

__all__ = ["FIXED_LIMITS", "Config", "Limits", "decode_config", "encode_config"]

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every bound in the server. Names end in their unit; ``_max`` is inclusive."""

    # Values and documents (data-model §1.4).
    value_bytes_max: int = 32 * MIB
    value_nesting_max: int = 64
    object_fields_max: int = 1024
    array_elements_max: int = 8192
    field_name_bytes_max: int = 1024
    document_bytes_max: int = 1 * MIB
    document_nesting_max: int = 16

    # One transaction (data-model §8.1).
    documents_read_max: int = 32_000
    bytes_read_max: int = 16 * MIB
    read_ranges_max: int = 4096
    documents_written_max: int = 16_000
    bytes_written_max: int = 16 * MIB
    query_operators_max: int = 256
    functions_scheduled_max: int = 1000
    scheduled_arguments_bytes_max: int = 16 * MIB
    """Of all functions that one mutation schedules, together."""

    # One call (data-model §8.2; the seed documents ask for 60 s).
    query_seconds_max: float = 60.0
    mutation_seconds_max: float = 60.0
    arguments_bytes_max: int = 16 * MIB
    result_bytes_max: int = 16 * MIB
    log_lines_max: int = 256
    log_line_bytes_max: int = 32 * KIB
    call_depth_max: int = 8
    """Calls of other functions inside each other, in one transaction."""
    error_message_bytes_max: int = 64 * KIB
    error_frames_max: int = 32
    """Innermost frames kept in an error; a runaway recursion has a thousand equal ones."""

    # Deploys (data-model §8.4).
    bundle_files_max: int = 4096
    bundle_bytes_max: int = 32 * MIB
    """Source of all modules of an app together."""
    bundle_archive_bytes_max: int = 16 * MIB
    """A packed bundle on its way to the server: refused before it is unpacked."""

    # Definitions (data-model §8.4).
    tables_max: int = 10_000
    indexes_per_table_max: int = 64
    index_fields_max: int = 16

    # Environment variables (platform §5.1).
    environment_variables_max: int = 512
    environment_name_bytes_max: int = 256
    environment_value_bytes_max: int = 8 * KIB
    environment_bytes_max: int = 512 * KIB
    """Names and values of all variables together."""

    # Function log.
    log_records_max: int = 4000
    """Executions remembered for those who look at the log."""
    log_bytes_max: int = 16 * MIB
    """What they printed and failed with, together."""
    log_poll_seconds_max: float = 60.0
    """How long a reader who has seen everything waits for more before being told that there is none."""

    # Runners (design §2). A call not started after queue_ms_max is dispatched again elsewhere.
    calls_max: int = 20_000
    """Calls under way or waiting in the whole server."""
    runners_min: int = 2
    runners_max: int = 8
    runner_calls_max: int = 200_000
    """Calls after which a runner is replaced, so that leaks in app code stay bounded."""
    runner_memory_bytes_max: int = 512 * MIB
    runner_start_seconds_max: float = 30.0
    """Time a runner may take to start and to import the app."""
    queue_ms_max: float = 10.0
    queue_seconds_max: float = 5.0
    pinned_bytes_max: int = 1 * GIB

    # Actions (data-model §8.2, §8.3; platform §10.1).
    action_runners: int = 2
    """Processes that run actions, each many at once; none while the app has no actions."""
    action_runner_calls_max: int = 128
    """Actions that one of them runs at once."""
    action_seconds_max: float = 600.0
    action_cancel_seconds_max: float = 5.0
    """Time an action has to end in after it has been cancelled, before its process is killed."""
    action_blocked_seconds_max: float = 5.0
    """How long an action may keep all others of its process from going on."""
    action_queue_seconds_max: float = 10.0
    action_operations_max: int = 64
    """Queries, mutations, actions and requests that one action has under way; more wait for their turn."""
    action_memory_bytes_max: int = 1 * GIB
    """Private memory of a process that runs actions, which they share."""
    action_runners_retiring_max: int = 8
    """Action runners of earlier deployments that may still be finishing actions; the oldest is stopped then."""
    fetch_seconds_max: float = 120.0
    fetch_bytes_max: int = 20 * MIB
    """Body of a response that an action fetches, decoded."""
    fetch_connections_max: int = 256

    # Serial lane (design §4).
    lane_seconds_max: float = 1.0
    lane_losses_max: int = 3
    """Losses after which a mutation goes to the lane, and after which the lane's head holds others back."""
    lane_fast_ms_max: float = 5.0
    """Mean run time up to which a mutation starts in the lane."""

    # Scheduled functions and cron jobs (data-model §8.3; platform §2, §3).
    scheduled_running_max: int = 8
    """Of each, run at once."""
    scheduled_mutations_max: int = 4
    """Mutations among those, of both together: the other runners are for clients."""
    scheduled_held_max: int = 10_000
    """Of each, known to the hub before they are due; the rest waits in the database."""
    scheduled_retry_seconds: float = 0.5
    """Pause before what the server could not run is tried again; doubles each time."""
    job_retry_seconds_max: float = 7200.0
    cron_retry_seconds_max: float = 15.0
    scheduled_result_days: int = 7
    """How long it is known how a scheduled function has ended."""

    # Commit (design §3, §4).
    block_transactions_max: int = 512
    block_bytes_max: int = 32 * MIB
    committer_unsent_bytes_max: int = 64 * MIB
    """Outcomes that the committer has not even read yet; beyond it new mutations are refused."""
    write_log_bytes_max: int = 64 * MIB
    log_retention_seconds: float = 3600.0
    log_retention_bytes: int = 1 * GIB
    undo_seconds: float = 60.0
    undo_bytes_max: int = 1 * GIB
    """Under a flood of writes, and when the clock stands still or goes back, the past ends here."""
    data_bytes_max: int = 64 * GIB
    """Quota of the database file; the map itself is sparse and larger."""
    session_requests_max: int = 1000
    session_request_days: int = 14

    # Files (the seed documents ask for 20 MB).
    file_bytes_max: int = 20 * MIB
    storage_bytes_max: int = 64 * GIB
    """Quota of the contents of all files together; equal content counts once."""
    uploads_max: int = 64
    """Uploads under way in one gateway; each holds a thread now and then, and a piece of its file in memory."""
    upload_seconds_max: float = 3600.0
    """From the head of an upload to its end: as long as its address is good."""
    upload_silence_seconds_max: float = 30.0
    """How long the client of an upload may send nothing."""
    blob_grace_seconds: float = 3600.0
    """How long content that no file has any more stays on disk: a backup may still be copying it."""
    blob_pass_seconds: float = 3600.0
    """Time in which the collector looks at all content once."""

    # Reactivity (design §5).
    query_entries_max: int = 1_000_000
    query_linger_seconds: float = 5.0
    query_cache_bytes_max: int = 100 * MIB
    round_entries_max: int = 4096
    round_settle_ms: float = 5.0
    """Time a round has for itself before a new one may be opened beside its stragglers."""
    recent_changes_max: int = 50_000
    """Key changes of recent blocks kept for results that arrive late; what is older than them counts as changed."""
    query_retry_seconds: float = 0.05
    """Pause before a query whose execution failed for no fault of its own runs again; doubles each time."""
    query_retry_seconds_max: float = 60.0
    query_read_time_seconds_max: float = 17.0
    """Age at which a cached result that observed the time is not given to new requests (data-model §7.6)."""

    # Connections (sync-protocol §1.3, §7.1).
    message_bytes_max: int = 64 * MIB
    http_body_bytes_max: int = 16 * MIB + 2000
    received_bytes_max: int = 512 * MIB
    """Request bodies and messages in pieces that a gateway holds at once, of all clients together."""
    session_mutations_max: int = 1000
    """Mutations that may wait in one session. At this many, nothing more is read from its client for a while."""
    session_mutations_bytes_max: int = 64 * MIB
    """The same for the arguments of those together."""
    session_actions_max: int = 1000
    session_queries_max: int = 4096
    unsent_transitions_max: int = 2
    ping_seconds: float = 15.0
    observed_timestamp_seconds_max: float = 5.0
    """How long a session waits for the database to reach the timestamp its client has seen elsewhere."""
    connection_silence_seconds_max: float = 120.0
    send_seconds_max: float = 60.0
    sessions_max: int = 50_000
    unsent_bytes_max: int = 64 * MIB
    """Answers a session may have waiting for a slow reader; one more and it is closed."""
    http_requests_max: int = 1024
    http_connections_max: int = 4096
    head_bytes_max: int = 16 * KIB
    """Of a request line and its headers together."""
    head_seconds_max: float = 10.0
    """From accepting a connection until its first request line is there."""
    keep_alive_seconds_max: float = 60.0
    """How long an HTTP connection may wait for its next request."""
    request_seconds_max: float = 300.0

    # HTTP actions (http-api §7.4).
    http_action_request_bytes_max: int = 20 * MIB
    http_action_response_bytes_max: int = 20 * MIB
    http_action_response_head_bytes_max: int = 64 * KIB
    http_action_window_bytes: int = 256 * KIB
    """Of one body, each way, between the client's connection and the action: so much is under way at most."""
    drain_seconds_max: float = 10.0

    # Links between processes. A frame carries at most one block or one result.
    frame_bytes_max: int = 256 * MIB


FIXED_LIMITS = frozenset(
    {"value_bytes_max", "value_nesting_max", "object_fields_max", "array_elements_max", "field_name_bytes_max"}
)
"""Limits that belong to the format of values, which is the same for every server and client: nobody may set them."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one server is started with."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 3210
    site_port: int | None = None
    """Where HTTP actions are at the root. None: the port after ``port``, any free one if that is 0. 0: nowhere."""
    functions: Path | None = None
    instance_name: str = "rtdb"
    admin_key_file: Path | None = None
    """Where the admin key is written for the operator; default ``<data_dir>/admin.key``."""
    cloud_origin: str | None = None
    """The public address of the API where it differs from the one requests name (behind a proxy)."""
    site_origin: str | None = None
    """The public address of HTTP actions; default ``/http`` under the API's."""
    gateways: int = 2
    redact_errors: bool = True
    log_level: str = "info"
    limits: Limits = Limits()


def encode_config(config: Config) -> bytes:
    """Return the configuration as JSON, for a child process."""
    return msgspec.json.encode(config, enc_hook=str)


def decode_config(data: bytes) -> Config:
    """Return what :func:`encode_config` wrote."""
    return msgspec.json.decode(data, type=Config, dec_hook=_decode_path)


def _decode_path(expected: type, value: object) -> object:
    assert expected is Path
    return Path(str(value))
