"""One write, N sessions on one query: when has the last one heard?

Workload: N WebSocket sessions subscribe to ``messages:list`` of one channel; a message is posted; the time from the
start of the POST to each session's transition is taken. Repeated ``writes`` times. What the gateways cost is taken from
the kernel: private memory per idle session, CPU time (user and system) per delivery.

Floor: a trio-websocket server that sends N connections the same bytes when one of them says so.
Good: the last of 1,000 within 100 ms. (Convex spreads 1,000 over 5 s by design.)
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.floors import run_floor
from benchmarks.harness import percentile, post, report, run_server
from benchmarks.load import open_websocket

WARM_UP_WRITES = 2


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks fanout", description=__doc__)
    parser.add_argument("--sessions", type=int, nargs="+", default=[100, 1000, 3000])
    parser.add_argument("--writes", type=int, default=10)
    options = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for count in options.sessions:
        with run_server() as server:
            args = {"channel": "all"}
            for number in range(20):
                body = {"channel": "all", "body": f"message {number}: " + "x" * 60}
                post(server, "/api/mutation", {"path": "messages:send", "args": body, "format": "json"})
            before = server.private_bytes()["rtdb-gateway"]
            listener = _listen(
                {
                    "kind": "listen",
                    "host": server.host,
                    "port": server.port,
                    "clients": count,
                    "path": "messages:list",
                    "args": args,
                }
            )

            def write(marker: str) -> None:
                body = {"channel": "all", "body": marker + "x" * 60}
                post(server, "/api/mutation", {"path": "messages:send", "args": body, "format": "json"})

            idle = server.private_bytes()["rtdb-gateway"]
            cpu = server.cpu_seconds()["rtdb-gateway"]
            row = _measure("rtdb", count, listener, write, options.writes)
            cpu = server.cpu_seconds()["rtdb-gateway"] - cpu
            row["KiB/session"] = (idle - before) / count / 1024
            row["CPU us/delivery"] = cpu / count / (options.writes + WARM_UP_WRITES) * 1e6
            rows.append(row)
        with run_floor("broadcast", 1) as port:
            job = {"kind": "listen", "host": "127.0.0.1", "port": port, "clients": count, "raw": True}
            deadline = time.monotonic() + 10
            while True:
                try:
                    speaker = open_websocket("127.0.0.1", port)
                    break
                except (ConnectionError, AssertionError):
                    if time.monotonic() > deadline:
                        raise
            listener = _listen(job)

            def speak(marker: str) -> None:
                payload = (marker + "x" * 4000).encode()
                head = bytes((0x81, 0xFE)) + len(payload).to_bytes(2, "big") + bytes(4)
                speaker.send(head + payload)  # noqa: B023  # called before the loop goes on

            rows.append(_measure("floor: trio-websocket", count, listener, speak, options.writes))
        rows[-2]["of the floor"] = rows[-1]["deliveries/s"] and rows[-2]["deliveries/s"] / rows[-1]["deliveries/s"]
    report("fanout", rows)


def _listen(job: dict[str, Any]) -> subprocess.Popen[str]:
    listener = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert listener.stdin is not None
    assert listener.stdout is not None
    listener.stdin.write(json.dumps(job) + "\n")
    listener.stdin.flush()
    connected = json.loads(listener.stdout.readline())
    assert connected == {"connected": job["clients"]}
    return listener


def _measure(name: str, count: int, listener: subprocess.Popen[str], write: Any, writes: int) -> dict[str, Any]:
    assert listener.stdin is not None
    assert listener.stdout is not None
    firsts, medians, lasts = [], [], []
    for number in range(writes + WARM_UP_WRITES):
        marker = f"marker-{number:06d}-"
        listener.stdin.write(marker + "\n")
        listener.stdin.flush()
        time.sleep(0.05)
        # Linux's monotonic clock is one for all processes, which is what perf_counter reads.
        start = time.perf_counter()
        write(marker)
        seen = json.loads(listener.stdout.readline())
        assert not seen["missing"], f"{seen['missing']} sessions did not hear of {marker}"
        if number >= WARM_UP_WRITES:
            delays = [(moment - start) * 1000 for moment in seen["times"]]
            firsts.append(min(delays))
            medians.append(statistics.median(delays))
            lasts.append(max(delays))
    listener.stdin.close()
    listener.wait()
    last = statistics.median(lasts)
    return {
        "server": name,
        "sessions": count,
        "first ms": statistics.median(firsts),
        "median ms": statistics.median(medians),
        "last ms": last,
        "last p90 ms": percentile(lasts, 0.9),
        "deliveries/s": count / last * 1000,
    }
