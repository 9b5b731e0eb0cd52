"""How do others do, on the same machine with the same clients?

Workload, alternating, one write at a time: N WebSocket sessions watch for new messages; one is posted over HTTP; the
time from the start of the POST until the first, the median and the last session has it. With N = 1 that is the latency
of one durable write until another client knows. Then ``clients`` HTTP connections in a closed loop that each create one
small document again and again, while nobody watches.

* rtdb: ``messages:list`` of one channel, newest message only, so that about as many bytes are sent as by the others
* peer: Parse Server 9 with LiveQuery on PostgreSQL, both with their defaults (every write is fsynced): sessions
  subscribe to the class ``Message`` where ``channel`` is one value. It sends what was written, and reads nothing for
  it: a subscriber has no consistent result, but events
* peer: ``ws``, the npm package most Node servers stand on, sending everybody what one client says: no database at all

Floor: those of ``fanout``; ``ws`` is one too.

Good: ahead of Parse Server in every line; deliveries a second not below those of ``ws``.

Each peer is pinned and installed by its own script in `peers/NAME/install.sh`, which the first run calls. What cannot
be installed here is left out, and the result says so.
"""

from __future__ import annotations

import http.client
import json
from argparse import ArgumentParser, Namespace
from typing import Any

from benchmarks.fanout import METRICS, measure_broadcast, measure_writes
from benchmarks.harness.audience import Audience, sync_opening
from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.load_process import latencies_ms, run_load
from benchmarks.harness.recorder import Recorder
from benchmarks.harness.results import Goal, Metric
from benchmarks.harness.server import run_server
from benchmarks.peers.peer_process import Peer, PeerMissing, run_parse_server, run_ws

PARSE = "peer: Parse Server"
WS = "peer: ws"
BODY = "x" * 60
CREATED = "creating"
SUBSCRIBE = {"op": "subscribe", "requestId": 1, "query": {"className": "Message", "where": {"channel": "all"}}}
LIVE_QUERY_OPENING = [
    {"send": [json.dumps({"op": "connect", "applicationId": "bench"})], "until": '"connected"'},
    {"send": [json.dumps(SUBSCRIBE)], "until": '"subscribed"'},
]


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--writes", type=int, default=20, help="in each run")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=8.0, help="of creating, each run")
    parser.add_argument("--warm-up", type=float, default=2.0, help="seconds before that")


def run(options: Namespace, record: Recorder) -> None:
    """Each server in turns; what is missing is noted and left out."""
    for number in record.runs():
        size = _measure_rtdb(options, number, record)
        try:
            with run_parse_server() as peer:
                _measure_parse_server(peer, options, number, record)
        except PeerMissing as error:
            record.note(f"without Parse Server: {error}")
        for count in options.sessions:
            try:
                with run_ws() as peer:
                    measure_broadcast(_variant(count), WS, peer.address, count, size, options.writes, record)
            except PeerMissing as error:
                record.note(f"without ws: {error}")


def _variant(count: int) -> str:
    return f"{count} session{'s' * (count > 1)}"


def _measure_rtdb(options: Namespace, number: int, record: Recorder) -> int:
    """Return how large the transitions were."""
    size = 0
    opening = sync_opening([{"path": "messages:list", "args": {"channel": "all", "count": 1}}])
    with run_server() as server:

        def write(marker: str) -> None:
            server.mutation("messages:send", channel="all", body=marker + BODY)

        write("first")
        for count in options.sessions:
            with Audience(server.address, count, opening, seed=count) as audience:
                size = measure_writes(_variant(count), "rtdb", audience, count, write, options.writes, record)
        work = {"kind": "choice", "path": "messages:send", "choices": [{"channel": "nobody", "body": BODY}]}
        before = server.costs()
        result = run_load({**_job(options, number), **server.address, "work": work})
        record.add_costs(CREATED, before, server.costs(), result["answered"])
    _add_rate("rtdb", result, record)
    return size


def _measure_parse_server(peer: Peer, options: Namespace, number: int, record: Recorder) -> None:
    connection = http.client.HTTPConnection(peer.address["host"], peer.address["port"])

    def write(marker: str) -> None:
        body = json.dumps({"_ApplicationId": "bench", "channel": "all", "body": marker + BODY})
        connection.request("POST", "/parse/classes/Message", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 201:
            raise RuntimeError(f"Parse Server refuses a message with status {answer.status}: {content!r}")

    write("first")
    for count in options.sessions:
        with Audience(peer.address, count, LIVE_QUERY_OPENING, path="/", seed=count) as audience:
            measure_writes(_variant(count), PARSE, audience, count, write, options.writes, record)
    message = {"_ApplicationId": "bench", "channel": "nobody", "body": BODY}
    work = {"kind": "choice", "path": "", "choices": [message]}
    before = peer.costs()
    job = {**_job(options, number), "plain": True, "route": "/parse/classes/Message"}
    result = run_load({**job, **peer.address, "work": work})
    record.add_costs(CREATED, before, peer.costs(), result["answered"], PARSE)
    _add_rate(PARSE, result, record)
    connection.close()


def _job(options: Namespace, number: int) -> dict[str, Any]:
    job = {"kind": "closed", "transport": "http", "clients": options.clients, "seed": number}
    return {**job, "seconds": options.seconds, "warm_up": options.warm_up}


def _add_rate(subject: str, result: dict[str, Any], record: Recorder) -> None:
    if result["errors"]:
        raise RuntimeError(f"{subject}: {result['errors']}")
    latencies = latencies_ms(result["latency"])
    record.add(CREATED, subject, {"rate": result["per_second"], "p50": latencies["p50"], "p99": latencies["p99"]})


BENCHMARK = Benchmark(
    name="peers",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"sessions": [1, 20], "writes": 2, "clients": 4, "seconds": 0.4, "warm_up": 0.1},
    metrics=(
        *METRICS,
        Metric("rate", "1/s", "higher"),
        Metric("p50", "ms", "lower"),
        Metric("p99", "ms", "lower"),
    ),
    goals=(
        *(Goal(variant=_variant(count), metric="last", at_most=1.0, of_subject=PARSE) for count in (1, 100, 1000)),
        Goal(variant=_variant(1000), metric="deliveries", at_least=1.0, of_subject=WS),
        Goal(variant=CREATED, metric="rate", at_least=1.0, of_subject=PARSE),
    ),
)
