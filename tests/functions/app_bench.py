"""An app from source text, executed over a real committer as a runner would."""

from __future__ import annotations

import textwrap
from copy import copy
from pathlib import Path
from typing import Any, Self

from rtdb.blobstore.addresses import FileAddresses, UploadTokens
from rtdb.clock import Random
from rtdb.config import Limits
from rtdb.functions.app_loader import App, load_app
from rtdb.functions.description import encode_description
from rtdb.functions.environment_context import CLOUD_URL, SITE_URL
from rtdb.functions.environment_variables import EnvironmentVariables
from rtdb.functions.executor import execute
from rtdb.functions.services import Services
from rtdb.link.frames import (
    BlockApplied,
    Call,
    Commit,
    ExecutionError,
    Outcome,
    RequestKind,
    ScheduledRun,
    SessionRequest,
)
from rtdb.transaction.cursor import CursorCodec
from rtdb.transaction.group_commit import open_committer
from rtdb.transaction.maintenance import Maintenance
from rtdb.transaction.snapshot import Snapshot, SnapshotCache
from rtdb.values.json_codec import decode, encode
from tests.transaction.workbench import ManualClock, SeededRandom, new_config

HEADER = "from rtdb import *\n"


def write_app(directory: Path, **modules: str) -> Path:
    """Write modules from indented source; ``folder__name`` is ``folder/name.py``. Each imports all of rtdb."""
    for name, source in modules.items():
        path = directory / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEADER + textwrap.dedent(source).lstrip("\n"))
    return directory


class AppBench:
    """Calls functions of an app and commits what its mutations want. ``directory / "app"`` may hold other modules."""

    def __init__(self, directory: Path, limits: Limits | None = None, **modules: str) -> None:
        self.directory = directory
        self.limits = limits or Limits()
        self.app: App = load_app(write_app(directory / "app", **modules), self.limits)
        self._has_app = True
        self._open_database()

    def with_new_database(self, directory: Path) -> Self:
        """Return a bench of the same app with a database of its own; close it before this one."""
        bench = copy(self)
        bench.directory = directory
        bench._has_app = False
        bench._open_database()
        return bench

    def _open_database(self) -> None:
        self.clock = ManualClock()
        self.random: Random = SeededRandom(2)
        data_dir = self.directory / "data"
        self.committer = open_committer(new_config(data_dir), clock=self.clock, random=SeededRandom(3))
        self.cursors = CursorCodec(bytes(16), "rtdb")
        built_in = {CLOUD_URL: "http://cloud", SITE_URL: "http://site"}
        self.tokens = UploadTokens(bytes(16), "rtdb")
        self.services = Services(
            "rtdb",
            self.cursors,
            EnvironmentVariables(bytes(16), built_in, self.limits),
            FileAddresses("http://files.example", self.tokens),
        )
        self.cache = SnapshotCache()
        self._calls = 0
        self._pushes = 0

    def execute(
        self,
        path: str,
        args: Any = None,
        *,
        kind: RequestKind = "any",
        internal: bool = False,
        session: SessionRequest | None = None,
        identity: bytes | None = None,
        raw_args: bytes | None = None,
        journal: str | None = None,
        by_server: bool = False,
        scheduled: ScheduledRun | None = None,
    ) -> Outcome:
        """Run one call at the newest position; nothing is committed."""
        self._calls += 1
        call = Call(
            call=self._calls,
            kind=kind,
            path=path,
            args=encode({} if args is None else args) if raw_args is None else raw_args,
            identity=identity,
            internal=internal,
            at=None,
            session=session,
            journal=journal,
            by_server=by_server,
            scheduled=scheduled,
        )
        with Snapshot(self.committer.environment, self.cache) as snapshot:
            return execute(
                self.app,
                call,
                snapshot,
                limits=self.limits,
                clock=self.clock,
                random=self.random,
                services=self.services,
            )

    def commit(self, outcome: Outcome) -> BlockApplied:
        """Have the committer decide about an outcome."""
        commit = Commit(outcome.call, outcome.seq, 0, 0, "test", outcome.reads, outcome.writes)
        return self.committer.commit([commit])

    def run(self, path: str, args: Any = None, **options: Any) -> Any:
        """Run a call that must succeed, commit it if it is a mutation, and return the decoded result."""
        outcome = self.execute(path, args, **options)
        assert outcome.error is None, outcome.error
        assert outcome.result is not None
        if outcome.kind == "mutation" and outcome.replayed_ts is None:
            block = self.commit(outcome)
            assert not block.losses
            assert not block.rejections
        return decode(outcome.result)

    def error(self, path: str, args: Any = None, **options: Any) -> ExecutionError:
        """Run a call that must fail and return its error."""
        outcome = self.execute(path, args, **options)
        assert outcome.error is not None
        assert outcome.result is None
        assert outcome.writes == []
        return outcome.error

    def push(self, **modules: str) -> Any:
        """Deploy the app, or another version of it, which is then the one that runs: step by step as the hub does."""
        self.load(**modules)
        prepared = self.step("prepare")
        self.build_indexes()
        self.check_tables(prepared)
        return self.step("push", since=prepared["seq"])

    def load(self, **modules: str) -> None:
        """Take the next version of the app, the same source unless there is some, without deploying it."""
        self._pushes += 1
        if modules:
            self.app = load_app(write_app(self.directory / f"app{self._pushes}", **modules), self.limits)

    def step(self, name: str, **more: Any) -> Any:
        """Take one step of a deploy of the loaded app, and commit it."""
        return self.run(f"_system/deployments:{name}", self.step_arguments(**more), internal=True, by_server=True)

    def step_arguments(self, **more: Any) -> dict[str, Any]:
        description = encode_description(self.app.description).decode()
        return {"bundle": f"bundle{self._pushes}", "description": description, **more}

    def check_tables(self, prepared: Any) -> None:
        for to_check in prepared["tables"]:
            after: str | None = ""
            while after is not None:
                after = self.step("check", table=to_check["table"], after=after)["next"]

    def build_indexes(self) -> None:
        maintenance = Maintenance(self.committer, limits=self.limits, clock=self.clock, stopwatch=lambda: 0)
        while self.committer.registry.indexes_in_state("backfilling"):
            maintenance.step()

    def close(self) -> None:
        self.committer.environment.close()
        if self._has_app and self.app.host is not None:
            self.app.host.close()
