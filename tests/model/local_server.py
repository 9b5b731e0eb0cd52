"""A server without processes or sockets: the committer over LMDB and a runner, taken step by step.

What happens between them is the test's to say: several calls may read before any of them commits, a deploy waits
between two of its steps, and a crash comes wherever it is asked for.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from rtdb.config import Config
from rtdb.functions.runner import Runner, open_runner
from rtdb.link.frames import BlockApplied, Call, Commit, Outcome, RequestKind
from rtdb.storage.check import check_environment
from rtdb.transaction.group_commit import Committer, open_committer
from rtdb.transaction.maintenance import Maintenance
from rtdb.values.json_codec import decode_canonical, encode
from tests.functions.runner_bench import start_message
from tests.model.database_machine import DeployFailed
from tests.transaction.workbench import ManualClock, SeededRandom

__all__ = ["LocalServer"]


class _Crash(Exception):
    pass


class _Deploy:
    """A deploy under way: its runner, and how far its check of documents has come."""

    def __init__(self, bundle: str, runner: Runner, description: str, prepared: dict[str, Any]) -> None:
        self.bundle = bundle
        self.runner = runner
        self.description = description
        self.tables = [table["table"] for table in prepared["tables"]]
        self.since = prepared["seq"]


class LocalServer:
    """One data directory and the app ``functions``, whose schema each deploy gives anew."""

    def __init__(self, directory: Path, functions: Path, schema: str) -> None:
        self.clock = ManualClock()
        self._directory = directory
        self._functions = functions
        self._config = Config(data_dir=directory / "data", redact_errors=False)
        self._calls = 0
        self._deploys = 0
        self._openings = 0
        self._committer = self._open()
        self._deploy: _Deploy | None = None
        bundle = self._write(schema)
        self._runner, _ = self._load(bundle)
        self.begin_deploy(schema, bundle)
        self.finish_deploy()

    @property
    def seq(self) -> int:
        return self._committer.position.seq

    def call(self, kind: RequestKind, path: str, args: Any) -> bytes | None:
        """Run a function and commit what it has written; return its result, or None if it failed of itself."""
        outcome = self.execute(kind, path, args)
        if outcome.error is None and kind == "mutation":
            assert not self.commit(outcome).losses, "nobody else has written"
        return outcome.result

    def execute(self, kind: RequestKind, path: str, args: Any, at: int | None = None) -> Outcome:
        """Run a function, at a position at which this app was deployed, and commit nothing."""
        outcome = self._execute(self._runner, kind, path, args, at=at)
        assert outcome.error is None or outcome.error.system == 0, outcome.error
        return outcome

    def commit(self, *outcomes: Outcome) -> BlockApplied:
        """Have the committer decide about mutations, as one group."""
        return self._committer.commit([_commit_of(outcome) for outcome in outcomes])

    def crash(self, *unfinished: Outcome) -> None:
        """Stop without a word, in the middle of committing these, and open what is durable. A deploy is given up."""
        if unfinished:
            try:
                with self._committer.writing() as txn:
                    self._committer.decide(txn, [_commit_of(outcome) for outcome in unfinished])
                    raise _Crash
            except _Crash:
                pass
        self._committer.environment.close()
        self._committer = self._open()
        self._deploy = None
        self._runner, _ = self._load(self._bundle)

    def maintain(self, steps: int) -> None:
        """Take some steps of what the committer does between blocks, such as building indexes."""
        for _ in range(steps):
            if self._maintenance.pause_seconds() == 0.0:
                self._maintenance.step()

    def deploy(self, schema: str) -> None:
        """Deploy the app with another schema. Raises :class:`DeployFailed`."""
        self.begin_deploy(schema)
        self.finish_deploy()

    def begin_deploy(self, schema: str, bundle: str | None = None) -> None:
        """Prepare the tables and check the documents there are. Raises :class:`DeployFailed`."""
        bundle = bundle or self._write(schema)
        runner, description = self._load(bundle)
        self._deploy = _Deploy(bundle, runner, description, self._step(runner, "prepare", {"description": description}))
        for table in self._deploy.tables:
            after: str | None = ""
            while after is not None:
                asked = {"description": description, "table": table, "after": after}
                after = self._deploy_step("check", asked)["next"]

    def finish_deploy(self) -> None:
        """Build the indexes, check what was written meanwhile, and switch. Raises :class:`DeployFailed`."""
        deploy = self._deploy
        assert deploy is not None
        while self._committer.registry.indexes_in_state("backfilling"):
            self.maintain(1)
        asked = {"description": deploy.description, "since": deploy.since}
        deploy.since = self._deploy_step("check_changes", {**asked, "tables": deploy.tables})["seq"]
        self._deploy_step("push", {"description": deploy.description, "since": deploy.since, "bundle": deploy.bundle})
        self._deploy = None
        self._runner = deploy.runner
        self._bundle = deploy.bundle

    def close(self) -> list[str]:
        """Close the database, and return what `rtdb check` finds wrong with it."""
        problems = check_environment(self._committer.environment).problems
        self._committer.environment.close()
        return problems

    # --- the parts ----------------------------------------------------------------------------------------------------

    def _open(self) -> Committer:
        self._openings += 1
        committer = open_committer(self._config, clock=self.clock, random=SeededRandom(self._openings))
        self._maintenance = Maintenance(committer, limits=self._config.limits, clock=self.clock, stopwatch=lambda: 0)
        return committer

    def _write(self, schema: str) -> str:
        self._deploys += 1
        bundle = f"bundle{self._deploys}"
        shutil.copytree(self._functions, self._directory / bundle)
        (self._directory / bundle / "schema.py").write_text(schema)
        return bundle

    def _load(self, bundle: str) -> tuple[Runner, str]:
        start = start_message(self._config, self._directory / bundle, bundle)
        environment, random = self._committer.environment, SeededRandom(self._deploys * 1000 + self._openings)
        runner, ready = open_runner(start, environment, clock=self.clock, random=random, stopwatch=lambda: 0)
        assert runner is not None, ready.error
        return runner, ready.description.decode()

    def _execute(
        self, runner: Runner, kind: RequestKind, path: str, args: Any, *, at: int | None = None, by_server: bool = False
    ) -> Outcome:
        self.clock.now += 1_000_000
        self._calls += 1
        call = Call(self._calls, kind, path, encode(args), None, by_server, at, None, None, by_server)
        (reply,) = runner.receive([call])
        assert isinstance(reply, Outcome), "the runner's app is the deployed one"
        return reply

    def _deploy_step(self, name: str, asked: dict[str, Any]) -> Any:
        """Take a step; if it is refused, drop what was begun."""
        deploy = self._deploy
        assert deploy is not None
        try:
            return self._step(deploy.runner, name, asked)
        except DeployFailed:
            self._deploy = None
            self._step(deploy.runner, "abandon", {})
            raise

    def _step(self, runner: Runner, name: str, asked: dict[str, Any]) -> Any:
        outcome = self._execute(runner, "any", f"_system/deployments:{name}", asked, by_server=True)
        if outcome.error is not None:
            raise DeployFailed(outcome.error.message)
        if outcome.kind == "mutation":
            assert not self.commit(outcome).losses
        assert outcome.result is not None
        return decode_canonical(outcome.result)


def _commit_of(outcome: Outcome) -> Commit:
    return Commit(outcome.call, outcome.seq, 0, 0, "model", outcome.reads, outcome.writes)
