"""Config and Limits: what an operator may set, each value with its unit, its reason and its default.

Both are frozen and travel to child processes as one JSON value; nothing else in the tree reads the environment.
"""

from __future__ import annotations

import os
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
    """Size of one argument, result or field value."""
    value_nesting_max: int = 64
    """Levels of arrays and objects inside each other."""
    object_fields_max: int = 1024
    """Fields of one object."""
    array_elements_max: int = 8192
    """Elements of one array."""
    field_name_bytes_max: int = 1024
    """Length of a field's name."""
    document_bytes_max: int = 1 * MIB
    """Size of one document."""
    document_nesting_max: int = 16
    """Levels inside one document."""

    # One transaction (data-model §8.1).
    documents_read_max: int = 32_000
    """Documents read."""
    bytes_read_max: int = 16 * MIB
    """Bytes of documents read."""
    read_ranges_max: int = 4096
    """Index ranges read."""
    documents_written_max: int = 16_000
    """Documents written."""
    bytes_written_max: int = 16 * MIB
    """Bytes of documents written."""
    query_operators_max: int = 256
    """Filters and limits chained to one query."""
    functions_scheduled_max: int = 1000
    """Functions that one mutation schedules."""
    scheduled_arguments_bytes_max: int = 16 * MIB
    """Arguments of those together."""

    # One call (data-model §8.2; the seed documents ask for 60 s).
    query_seconds_max: float = 60.0
    """Run time of a query; it is then stopped, whatever it is doing."""
    mutation_seconds_max: float = 60.0
    """Run time of a mutation."""
    arguments_bytes_max: int = 16 * MIB
    """Size of a call's arguments."""
    result_bytes_max: int = 16 * MIB
    """Size of a call's result."""
    log_lines_max: int = 256
    """Log lines kept of one call."""
    log_line_bytes_max: int = 32 * KIB
    """Length of one log line."""
    call_depth_max: int = 8
    """Levels of `ctx.run_query` and `ctx.run_mutation` inside each other."""
    error_message_bytes_max: int = 64 * KIB
    """Length of an error's message; the rest is cut."""
    error_frames_max: int = 32
    """Innermost frames kept in an error; a runaway recursion has a thousand equal ones."""

    # Deploys and definitions (data-model §8.4).
    bundle_files_max: int = 4096
    """Modules of an app."""
    bundle_bytes_max: int = 32 * MIB
    """Source of all modules of an app together."""
    bundle_archive_bytes_max: int = 16 * MIB
    """A packed bundle on its way to the server: refused before it is unpacked."""
    push_body_bytes_max: int = 128 * MIB
    """Body of a request of `npx convex`, decompressed."""
    push_idle_seconds_max: float = 300.0
    """Time between two requests of one push; one that is not finished then is given up."""
    tables_max: int = 10_000
    """Tables."""
    indexes_per_table_max: int = 64
    """Indexes of one table."""
    index_fields_max: int = 16
    """Fields of one index."""

    # Environment variables (platform §5.1).
    environment_variables_max: int = 512
    """Variables."""
    environment_name_bytes_max: int = 256
    """Length of a name."""
    environment_value_bytes_max: int = 8 * KIB
    """Length of a value."""
    environment_bytes_max: int = 512 * KIB
    """Names and values of all variables together."""

    # Function log.
    log_records_max: int = 4000
    """Executions that are remembered."""
    log_bytes_max: int = 16 * MIB
    """What they printed and failed with, together."""
    log_poll_seconds_max: float = 60.0
    """How long a reader who has seen everything waits before being told that there is no more."""

    # Scheduled functions and cron jobs (data-model §8.3; platform §2, §3).
    scheduled_running_max: int = 8
    """Scheduled functions that run at once, and as many cron jobs."""
    scheduled_mutations_max: int = 4
    """Mutations among those. Keep it below `runners_max`: the other processes are for clients."""
    scheduled_held_max: int = 10_000
    """Of each, known to the hub before they are due; any number more wait in the database."""
    scheduled_retry_seconds: float = 0.5
    """Seconds after which what the server could not run is tried again. Doubles each time."""
    job_retry_seconds_max: float = 7200.0
    """Longest such pause for a scheduled function."""
    cron_retry_seconds_max: float = 15.0
    """Longest such pause for a cron job."""
    scheduled_result_days: int = 7
    """Days for which `_scheduled_functions` says how a function ended."""

    # Runners (design §2).
    calls_max: int = 20_000
    """Calls under way or waiting in the whole server; one more is refused."""
    runners_min: int = 2
    """Processes kept even when there is nothing to do."""
    runners_max: int = 8
    """Processes at most. Each runs one function at a time."""
    runner_calls_max: int = 200_000
    """Calls after which a process is replaced, so that leaks in the app's code stay bounded."""
    runner_memory_bytes_max: int = 512 * MIB
    """Private memory of one process. A function that wants more gets an error."""
    queue_ms_max: float = 10.0
    """Milliseconds a call may wait behind another before a second process is asked too."""
    runner_start_seconds_max: float = 30.0
    """Seconds a process may take to start and to import the app."""
    queue_seconds_max: float = 5.0
    """Seconds a call may wait for a free process before it is refused."""
    pinned_bytes_max: int = 1 * GIB
    """Growth of the database file that one slow function's snapshot may cause."""

    # Actions (data-model §8.2, §8.3; platform §10.1).
    action_runners: int = 2
    """Processes that run actions and HTTP actions; none while the app has no such functions."""
    action_runner_calls_max: int = 128
    """Actions that one process runs at once."""
    action_seconds_max: float = 600.0
    """Seconds an action may take before it is cancelled."""
    action_cancel_seconds_max: float = 5.0
    """Seconds a cancelled action may take to end before its process is killed."""
    action_blocked_seconds_max: float = 5.0
    """Seconds an action may keep all others of its process waiting, by computing or blocking, before the process is
    killed."""
    action_queue_seconds_max: float = 10.0
    """Seconds an action may wait for room before it is refused."""
    action_operations_max: int = 64
    """Queries, mutations, actions and requests that one action may have under way; more wait for their turn."""
    action_memory_bytes_max: int = 1 * GIB
    """Private memory of one process, which its actions share."""
    action_runners_retiring_max: int = 8
    """Processes of earlier deployments that may still be finishing actions; beyond it the oldest is killed."""
    fetch_seconds_max: float = 120.0
    """Seconds until the response to `ctx.fetch` is complete, unless `timeout=` says otherwise."""
    fetch_bytes_max: int = 20 * MIB
    """Body of a response, decoded."""
    fetch_connections_max: int = 256
    """Connections that the actions of one process have open."""

    # Functions written in TypeScript (typescript-runtime §19).
    typescript_seconds_max: float = 1.0
    """Seconds that a query or mutation may compute; waiting for the database does not count."""
    typescript_analysis_seconds_max: float = 4.0
    """Seconds that all modules together may compute while they are imported to see what they contain."""
    typescript_heap_bytes_max: int = 64 * MIB
    """Memory of JavaScript in one process. A function that wants more gets an error."""
    typescript_buffers_bytes_max: int = 256 * MIB
    """Memory beside that, of ArrayBuffers above all. A function that wants more gets an error it can catch."""
    typescript_contexts_max: int = 16
    """Contexts that each process keeps ready for the modules that were called last, two for each."""
    typescript_context_calls_max: int = 10_000
    """Calls in one context of a module that has `experimental_reuseContext`, before there is a fresh one."""
    typescript_start_seconds_max: float = 10.0
    """Seconds a process may take to start, and to load the modules."""
    typescript_silence_seconds_max: float = 2.0
    """Seconds a process may be silent after the time that its function has, before it is killed."""
    typescript_action_hosts_max: int = 4
    """Processes in which one action runner runs actions in TypeScript, and as many of Node. As many again may be
    there to end what had begun before they were replaced."""
    typescript_action_host_calls_max: int = 16
    """Actions that such a process runs before another is started. One that loops takes the others down with it."""
    typescript_action_host_uses_max: int = 10_000
    """Actions after which such a process is replaced, so that leaks in the app's code stay bounded."""
    typescript_action_heap_bytes_max: int = 512 * MIB
    """Memory of JavaScript in such a process, which its actions share."""
    typescript_action_buffers_bytes_max: int = 1 * GIB
    """Memory beside that: ArrayBuffers, and the content of files above all."""
    node_install_seconds_max: float = 300.0
    """Seconds that npm may take to install the external packages of modules that say "use node"."""
    node_packages_bytes_max: int = 512 * MIB
    """What those packages may take on disk."""

    # Mutations that meet (design §4).
    lane_seconds_max: float = 1.0
    """Run time in the lane."""
    lane_losses_max: int = 3
    """Losses after which a mutation goes to the lane, and after which the lane's head holds others back."""
    lane_fast_ms_max: float = 5.0
    """Mean run time, in milliseconds, up to which a function starts there."""

    # Disk (design §3, §4).
    block_transactions_max: int = 512
    """Mutations committed together with one write to disk."""
    block_bytes_max: int = 32 * MIB
    """Size of such a group."""
    committer_unsent_bytes_max: int = 64 * MIB
    """Writes that may wait for a slow disk; beyond it new mutations are refused."""
    write_log_bytes_max: int = 64 * MIB
    """Memory for recent commits, which new ones are checked against."""
    log_retention_seconds: float = 3600.0
    """Age up to which the commit log is kept."""
    log_retention_bytes: int = 1 * GIB
    """Size up to which it is kept."""
    undo_seconds: float = 60.0
    """How far back a query may read."""
    undo_bytes_max: int = 1 * GIB
    """Disk space for that. Under a flood of writes, and when the clock stands still or goes back, the past ends
    here."""
    data_bytes_max: int = 64 * GIB
    """Size of the database. Writes that would cross it fail; reads go on."""
    session_requests_max: int = 1000
    """Mutations per client session whose answers are kept, so that a resend is answered and not run again."""
    session_request_days: int = 14
    """Days they are kept."""

    # Files (the seed documents ask for 20 MB).
    file_bytes_max: int = 20 * MIB
    """Size of one file. More is refused with 413, before it is read where its size is announced."""
    storage_bytes_max: int = 64 * GIB
    """Size of the content of all files together; equal content counts once. What would cross it is refused with 507."""
    uploads_max: int = 64
    """Uploads at the same time, per gateway."""
    upload_seconds_max: float = 3600.0
    """From the head of an upload to its end: as long as its address is good."""
    upload_silence_seconds_max: float = 30.0
    """Time its client may send nothing."""
    blob_grace_seconds: float = 3600.0
    """How long the content of deleted files stays on disk: as long as a backup takes to copy it."""
    blob_pass_seconds: float = 3600.0
    """Time in which all content is looked at once, to find what may go."""

    # Subscriptions (design §5).
    query_entries_max: int = 1_000_000
    """Different queries that are being watched."""
    query_linger_seconds: float = 5.0
    """Time a query is kept up to date after its last watcher left."""
    query_cache_bytes_max: int = 100 * MIB
    """Memory for their results."""
    query_read_time_seconds_max: float = 17.0
    """Age up to which the kept result of a query that asked for the time is given to a new watcher."""
    query_retry_seconds: float = 0.05
    """Pause before a query that could not be re-run is tried again; it doubles each time."""
    query_retry_seconds_max: float = 60.0
    """Longest such pause."""
    round_entries_max: int = 4096
    """Queries re-run in one round."""
    round_settle_ms: float = 5.0
    """Milliseconds a round has for itself before another may start beside its slow queries."""
    recent_changes_max: int = 50_000
    """Key changes of recent blocks kept for results that arrive late; what is older than them counts as changed."""

    # Connections (sync-protocol §1.3, §7.1; http-api §7.4).
    message_bytes_max: int = 64 * MIB
    """Size of one WebSocket message."""
    http_body_bytes_max: int = 16 * MIB + 2000
    """Size of an HTTP request's body."""
    received_bytes_max: int = 512 * MIB
    """Request bodies and messages in pieces that a gateway holds at once, of all clients together."""
    head_bytes_max: int = 16 * KIB
    """Size of an HTTP request's first line and headers together."""
    session_mutations_max: int = 1000
    """Mutations that may wait in a session; at this many nothing more is read from its client for a while."""
    session_mutations_bytes_max: int = 64 * MIB
    """The same for the arguments of those together."""
    session_actions_max: int = 1000
    """Actions a session may have under way."""
    session_queries_max: int = 4096
    """Queries a session may watch."""
    unsent_transitions_max: int = 2
    """Updates that may wait for a slow client; after that it skips to the latest state."""
    unsent_bytes_max: int = 64 * MIB
    """Answers that may wait for a slow client; one more and its connection is closed."""
    ping_seconds: float = 15.0
    """Silence after which the server says that it is alive."""
    observed_timestamp_seconds_max: float = 5.0
    """How long a session waits for the server to reach a state its client has already seen."""
    connection_silence_seconds_max: float = 120.0
    """Silence of a client after which its connection is closed."""
    send_seconds_max: float = 60.0
    """Time a client may take to accept a message."""
    sessions_max: int = 50_000
    """WebSocket sessions of one gateway."""
    http_requests_max: int = 1024
    """HTTP requests under way in one gateway."""
    http_connections_max: int = 4096
    """HTTP connections of one gateway."""
    head_seconds_max: float = 10.0
    """Time from connecting to the first request line."""
    keep_alive_seconds_max: float = 60.0
    """Time an HTTP connection may wait for its next request."""
    request_seconds_max: float = 300.0
    """Time until an HTTP request's answer begins."""
    drain_seconds_max: float = 10.0
    """Time that calls have to finish when the server is stopped."""

    # HTTP actions (http-api §7.4).
    http_action_request_bytes_max: int = 20 * MIB
    """Body of a request to an HTTP action; a larger one is refused with status 413."""
    http_action_response_bytes_max: int = 20 * MIB
    """Body of an HTTP action's response; one that grows larger while it is streamed breaks off."""
    http_action_response_head_bytes_max: int = 64 * KIB
    """Headers of an HTTP action's response together."""
    http_action_window_bytes: int = 256 * KIB
    """Memory for one body between client and action, each way; who writes faster than the other reads waits."""

    # Inside.
    frame_bytes_max: int = 256 * MIB
    """Size of one message that the hub takes from another of the server's processes."""


FIXED_LIMITS = frozenset(
    {"value_bytes_max", "value_nesting_max", "object_fields_max", "array_elements_max", "field_name_bytes_max"}
)
"""Limits that belong to the format of values, which is the same for every server and client: nobody may set them."""


def gateways_for(cores: int) -> int:
    """Return how many gateways pay on so many cores: docs/performance.md has the model, and where it was measured."""
    return min(max(cores // 2, 2), 8)


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
    action_networks_allowed: str | None = None
    """Networks of the server's surroundings that actions may connect to all the same, with commas."""
    node: Path | None = None
    """The executable of Node that runs modules that say "use node". None: the one on the PATH."""
    gateways: int = msgspec.field(default_factory=lambda: gateways_for(len(os.sched_getaffinity(0))))
    """Processes that clients are connected to."""
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
