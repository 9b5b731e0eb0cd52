"""A runner over a real committer, driven by hand: messages in, replies out, and blocks when the test says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rtdb.config import Config, Limits, encode_config
from rtdb.functions.runner import Runner, open_runner
from rtdb.link.frames import (
    BlockApplied,
    Call,
    Commit,
    Durable,
    LaneReset,
    Outcome,
    RequestKind,
    RunnerReady,
    RunnerStart,
    SessionRequest,
    Stale,
)
from rtdb.values.json_codec import decode, encode
from tests.functions.app_bench import AppBench
from tests.transaction.workbench import SeededRandom, new_config

__all__ = ["COUNTER", "RunnerBench", "result_of", "start_message"]

COUNTER = """
@query
def value(ctx):
    row = ctx.db.query("counters").first()
    return row["n"] if row else 0

@mutation
def increment(ctx):
    row = ctx.db.query("counters").first()
    if row is None:
        ctx.db.insert("counters", {"n": 1})
        return 1
    ctx.db.patch(row["_id"], {"n": row["n"] + 1})
    return row["n"] + 1

@mutation
def insert_into(ctx, table):
    ctx.db.insert(table, {})

@mutation
def fail(ctx):
    ctx.db.insert("counters", {"n": 100})
    raise ValueError("on purpose")
"""


def result_of(reply: Outcome | Stale) -> Any:
    assert isinstance(reply, Outcome)
    assert reply.result is not None, reply.error
    return decode(reply.result)


def start_message(config: Config, bundle: Path, deployment: str) -> RunnerStart:
    """Return what a runner of this app is told, with keys that are no secret."""
    return RunnerStart(
        config=encode_config(config),
        bundle=str(bundle),
        deployment=deployment,
        cursor_key=bytes(16),
        environment_key=bytes(16),
        upload_key=bytes(16),
        cloud_url="http://127.0.0.1:3210",
        site_url="http://127.0.0.1:3210/http",
    )


class RunnerBench:
    """The app is deployed, and ``runner`` runs it."""

    def __init__(self, directory: Path, limits: Limits | None = None, **modules: str) -> None:
        self.app_bench = AppBench(directory, limits, **(modules or {"counter": COUNTER}))
        self.app_bench.push()
        self.committer = self.app_bench.committer
        self.limits = limits or Limits()
        self.runner = self.new_runner()
        self._calls = 0

    def start_message(self, deployment: str = "bundle1") -> RunnerStart:
        config = new_config(self.app_bench.directory / "data", self.limits)
        return start_message(config, self.app_bench.directory / "app", deployment)

    def open(self, start: RunnerStart) -> tuple[Runner | None, RunnerReady]:
        """Load the app as a runner process would, over the test's environment."""
        environment, clock = self.committer.environment, self.app_bench.clock
        return open_runner(start, environment, clock=clock, random=SeededRandom(7), stopwatch=lambda: 0)

    def new_runner(self, deployment: str = "bundle1") -> Runner:
        """Return another runner of the app, as what was deployed under that name."""
        runner, ready = self.open(self.start_message(deployment))
        assert runner is not None, ready.error
        return runner

    @property
    def seq(self) -> int:
        return self.committer.position.seq

    def call(
        self,
        path: str,
        args: Any = None,
        *,
        kind: RequestKind = "any",
        at: int | None = None,
        session: SessionRequest | None = None,
        internal: bool = False,
        by_server: bool = False,
    ) -> Call:
        self._calls += 1
        return Call(self._calls, kind, path, encode(args or {}), None, internal, at, session, None, by_server)

    def send(self, *messages: Call | Durable | LaneReset) -> list[Outcome | Stale]:
        """Give the runner messages and return its replies."""
        return list(self.runner.receive(messages))

    def become_lane(self, epoch: int = 1) -> None:
        assert self.send(LaneReset(epoch), Durable(self.seq, 0)) == []

    def commit(self, *replies: Outcome | Stale) -> BlockApplied:
        """Have the committer decide about outcomes as one group, as the hub would."""
        outcomes = [reply for reply in replies if isinstance(reply, Outcome)]
        return self.committer.commit(
            [
                Commit(o.call, o.seq, o.lane, o.pending, "test", o.reads, o.writes if o.error is None else [])
                for o in outcomes
            ]
        )

    def durable(self, block: BlockApplied) -> Durable:
        return Durable(self.seq, block.lane_pending)

    def close(self) -> None:
        self.app_bench.close()
