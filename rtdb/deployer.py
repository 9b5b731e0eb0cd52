"""A deploy, from a bundle to the switch: the one way in which code becomes the server's, at start as while it serves.

::

    store     the bundle, durably, under its hash
    load      it in runners of its own; the first describes it. In action runners too, if it has actions
    prepare   tables made, indexes begun                            ┐
    check     the documents there are, in chunks                    │ functions/system/deployments.py;
    build     wait for the indexes, which the committer builds      │ every few seconds the documents
    push      the switch, in one transaction                        ┘ written meanwhile are checked too
    switch    the pools, and what the application knows of functions

Clients are served all the time. Between the push and the switch there is nothing but the answer's way from the
committer: runners that meet the new deployment before then say so, and their calls wait.

Invariants:

* one deploy at a time; a second one is refused and told so;
* a deploy that fails, or that nobody waits for any more, leaves the running deployment as it is;
* from the moment its push is under way a deploy cannot be given up: it is decided, and then carried out.

It does not know who asks: what happens goes to ``report``, as events for the developer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import structlog
import trio

from rtdb.application import Application, ServerCallFailed, call_by_server
from rtdb.config import Limits
from rtdb.errors import RtdbError
from rtdb.functions.action_pool import ActionPool
from rtdb.functions.bundle import Bundle, unpack
from rtdb.functions.bundle_store import BundleStore
from rtdb.functions.description import decode_description
from rtdb.functions.description_change import compare_descriptions
from rtdb.functions.runner_pool import RunnerPool
from rtdb.link import frames

__all__ = ["DeployRefused", "Deployer", "Report", "serve_deploy"]

Report = Callable[[dict[str, Any]], None]
"""Told what happens; each event has a ``type``."""

RunBlocking = Callable[..., Awaitable[Any]]
"""Run a function that waits for the disk, with its arguments."""

POLL_SECONDS: Final = 0.05
REPORT_SECONDS: Final = 0.25
CATCH_UP_SECONDS: Final = 2.0
"""How often documents written meanwhile are checked: long before ``undo_seconds``, after which nobody knows them."""

FEW_CHANGES: Final = 100
"""Documents that the push may have to check itself: a few milliseconds."""

CATCH_UPS_MAX: Final = 20

_log = structlog.get_logger("rtdb.deploy")


class DeployRefused(Exception):
    """The deploy has failed; the running deployment is what it was."""

    def __init__(self, error: frames.ExecutionError) -> None:
        super().__init__(error.message)
        self.error = error


class _Checked:
    """How far the check of documents has come: all of those checked are as they were at position ``since``."""

    def __init__(self, description: str, prepared: dict[str, Any]) -> None:
        self.description = description
        self.tables: list[dict[str, Any]] = prepared["tables"]
        self.names = [table["table"] for table in self.tables]
        self.since: float = prepared["seq"]
        self.catch_up_at = trio.current_time() + CATCH_UP_SECONDS
        self.report_at = 0.0


class Deployer:
    """Deploys bundles on one server, whose runners have ``bundle_hash`` and say ``description`` of it.

    ``runner_start`` says what a runner of a bundle is told.
    """

    def __init__(
        self,
        application: Application,
        pool: RunnerPool,
        action_pool: ActionPool,
        bundles: BundleStore,
        limits: Limits,
        *,
        runner_start: Callable[[str], frames.RunnerStart],
        bundle_hash: str,
        description: bytes,
        run_blocking: RunBlocking = trio.to_thread.run_sync,
    ) -> None:
        self._limits = limits
        self._application = application
        self._pool = pool
        self._action_pool = action_pool
        self._bundles = bundles
        self._runner_start = runner_start
        self._run_blocking = run_blocking
        self._bundle_hash = bundle_hash
        self._description = description
        self._under_way = False

    @property
    def bundle_hash(self) -> str:
        """Of the code that runs."""
        return self._bundle_hash

    async def deploy(self, bundle: Bundle, report: Report, *, dry_run: bool = False) -> None:
        """Make ``bundle`` the active deployment. Raises :class:`DeployRefused`."""
        if self._under_way:
            raise _refused(
                "ConcurrentPush",
                "Another deploy is under way on this server; wait for its end. Are two `rtdb dev` running?",
            )
        self._under_way = True
        try:
            await self._deploy(bundle, report, dry_run)
        finally:
            self._under_way = False
            self._pool.discard()
            self._action_pool.discard()
            with trio.CancelScope(shield=True):
                await self._collect()

    async def _deploy(self, bundle: Bundle, report: Report, dry_run: bool) -> None:
        try:
            bundle_hash = await self._run_blocking(self._bundles.store, bundle)
        except OSError as error:
            raise _refused("BundleNotStored", f"The server cannot store the app: {error}.") from error
        description = await self._load(bundle_hash)
        active = await self._step("current", {})
        old = None if active is None else decode_description(active["description"])
        change = compare_descriptions(old, decode_description(description))
        report({"type": "described", "bundle": bundle_hash, "change": msgspec.to_builtins(change)})
        unchanged = active is not None and (active["bundle"], active["description"]) == (bundle_hash, description)
        if not unchanged and not dry_run:
            await self._change_to(bundle_hash, description, report)
        report({"type": "deployed", "bundle": bundle_hash, "unchanged": unchanged, "dryRun": dry_run})

    async def _load(self, bundle_hash: str) -> str:
        """Have the bundle loaded, unless it is what runs anyway, and return its description."""
        if bundle_hash == self._bundle_hash:
            return self._description.decode()
        start = self._runner_start(bundle_hash)
        ready = await self._pool.load(start)
        if ready.error is not None:
            raise DeployRefused(ready.error)
        if decode_description(ready.description).has_actions:
            action_runner_ready = await self._action_pool.load(start)
            if action_runner_ready.error is not None:
                raise DeployRefused(action_runner_ready.error)
        return ready.description.decode()

    async def _change_to(self, bundle_hash: str, description: str, report: Report) -> None:
        try:
            checked = _Checked(description, await self._step("prepare", {"description": description}))
            await self._check_documents(checked, report)
            await self._build_indexes(checked, report)
            if bundle_hash != self._bundle_hash:
                await self._pool.wait_loaded()
                await self._action_pool.wait_loaded()
            await self._catch_up(checked)
            with trio.CancelScope(shield=True):
                await self._push(bundle_hash, checked)
        except BaseException:
            with trio.CancelScope(shield=True):
                await self._abandon()
            raise

    async def _push(self, bundle_hash: str, checked: _Checked) -> None:
        asked = {"bundle": bundle_hash, "description": checked.description, "since": checked.since}
        await self._step("push", asked)
        if bundle_hash != self._bundle_hash:
            self._pool.switch()
            self._action_pool.switch()
        self._bundle_hash, self._description = bundle_hash, checked.description.encode()
        self._application.use_description(decode_description(checked.description))
        self._application.pump()
        _log.info("deployed", bundle=bundle_hash)

    # --- steps --------------------------------------------------------------------------------------------------------

    async def _check_documents(self, checked: _Checked, report: Report) -> None:
        for table in checked.tables:
            event = {"type": "checking", "table": table["table"], "documents": 0, "total": table["documents"]}
            after: str | None = ""
            while after is not None:
                asked = {"description": checked.description, "table": table["table"], "after": after}
                chunk = await self._check_chunk(checked, asked)
                after = chunk["next"]
                event["documents"] += chunk["checked"]
                await self._meanwhile(checked, [event], report)

    async def _check_chunk(self, checked: _Checked, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            chunk: dict[str, Any] = await self._step("check", asked)
        except DeployRefused:
            # If it was written since this deploy began, that is what its developer should hear.
            await self._check_changes(checked)
            raise
        return chunk

    async def _build_indexes(self, checked: _Checked, report: Report) -> None:
        while True:
            indexes = await self._step("progress", {})
            events = [{"type": "indexing", **index} for index in indexes]
            if all(index["complete"] for index in indexes):
                for event in events:
                    report(event)
                return
            await self._meanwhile(checked, events, report)
            await trio.sleep(POLL_SECONDS)

    async def _meanwhile(self, checked: _Checked, events: list[dict[str, Any]], report: Report) -> None:
        """Say how far it is, and keep up with what is being written, each in its time."""
        now = trio.current_time()
        if now >= checked.report_at:
            checked.report_at = now + REPORT_SECONDS
            for event in events:
                report(event)
        if now >= checked.catch_up_at:
            checked.catch_up_at = now + min(CATCH_UP_SECONDS, self._limits.undo_seconds / 4)
            await self._check_changes(checked)

    async def _catch_up(self, checked: _Checked) -> None:
        """Check what was written meanwhile until little is left for the push."""
        for _ in range(CATCH_UPS_MAX):
            if not checked.names or await self._check_changes(checked) <= FEW_CHANGES:
                return

    async def _check_changes(self, checked: _Checked) -> float:
        asked = {"description": checked.description, "tables": checked.names, "since": checked.since}
        changes = await self._step("check_changes", asked)
        checked.since = changes["seq"]
        documents: float = changes["checked"]
        return documents

    async def _abandon(self) -> None:
        try:
            await self._step("abandon", {})
        except DeployRefused as refused:
            # The next deploy drops what it does not want of it.
            _log.warning("indexes of a failed deploy are left", code=refused.error.code, reason=refused.error.message)

    async def _step(self, name: str, asked: dict[str, Any]) -> Any:
        """Run one of the functions of a deploy and return its result. Raises :class:`DeployRefused`."""
        try:
            return await call_by_server(self._application, f"_system/deployments:{name}", asked)
        except ServerCallFailed as failed:
            raise DeployRefused(failed.error) from None

    async def _collect(self) -> None:
        """Delete bundles that nothing runs any more; those of runners that are ending go with the next deploy."""
        await self._run_blocking(
            self._bundles.collect, {self._bundle_hash, *self._pool.deployments, *self._action_pool.deployments}
        )


def _refused(code: str, message: str) -> DeployRefused:
    return DeployRefused(frames.ExecutionError(code=code, message=message))


async def serve_deploy(deployer: Deployer, limits: Limits, request: frames.DeployRequest, send: SendEvent) -> None:
    """Carry out a deploy that a client has asked for; the last event says how it ended."""
    outcome: list[dict[str, Any]] = []

    def report(event: dict[str, Any]) -> None:
        if event["type"] == "deployed":
            outcome.append(event)
        else:
            send(frames.DeployEvent(request.deploy, msgspec.json.encode(event), False))

    try:
        bundle = await trio.to_thread.run_sync(unpack, request.archive, limits)
        await deployer.deploy(bundle, report, dry_run=request.dry_run)
    except DeployRefused as refused:
        outcome.append(_failed(refused.error))
    except RtdbError as error:
        outcome.append(_failed(frames.ExecutionError(error.code, error.message)))
    send(frames.DeployEvent(request.deploy, msgspec.json.encode(outcome[-1]), True))


SendEvent = Callable[[frames.DeployEvent], None]


def _failed(error: frames.ExecutionError) -> dict[str, Any]:
    return {"type": "failed", "code": error.code, "message": error.message, "frames": error.frames}
