"""A deploy, from a bundle to the switch: the one way in which code becomes the server's, at start as while it serves.

::

    store     the bundle, durably, under its hash; with it what Node needs for modules of TypeScript, if there are any
    load      it in runners of its own; the first describes it. In action runners too, if it has actions
    prepare   documents are checked, indexes are built (preparation.py)
    push      the switch, in one transaction
    switch    the pools, and what the application knows of functions

Whoever brings the code either waits for all of it (:meth:`Deployer.deploy`), or takes it in steps: it is *staged*,
that is loaded, and prepared in the background, and then *finished*. Clients are served all the time. Between the push
and the switch there is nothing but the answer's way from the committer: runners that meet the new deployment before
then say so, and their calls wait.

Invariants:

* one deploy at a time: while one is being carried out a second one is refused and told so. What is staged and not
  being finished gives way to whatever comes after it, or goes when nothing is heard of it for a while;
* a deploy that fails, that nobody waits for any more, or that gives way, leaves the running deployment as it is;
* from the moment its push is under way a deploy cannot be given up: it is decided, and then carried out;
* what a bundle is made of is decided when its turn has come: it may keep parts of what is active then.

It does not know who asks: what happens goes to ``report``, as events for the developer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog
import trio

from rtdb.application import Application
from rtdb.config import Limits
from rtdb.deploy.preparation import DeployRefused, Preparation, Report, take_step
from rtdb.deploy.staged_deploy import StagedDeploy
from rtdb.errors import BadRequestError
from rtdb.functions.action_pool import ActionPool
from rtdb.functions.bundle import Bundle
from rtdb.functions.bundle_store import BundleStore
from rtdb.functions.description import Description, decode_description
from rtdb.functions.runner_pool import RunnerPool
from rtdb.link import frames
from rtdb.typescript.node_app import NodeApps

__all__ = ["Deployer", "MakeBundle"]

MakeBundle = Callable[[Bundle], Bundle]
"""Return what is to be deployed, given what is active. It may raise ``BadRequestError``; it runs in a thread."""

RunBlocking = Callable[..., Awaitable[Any]]
"""Run a function that waits for the disk, with its arguments."""

_log = structlog.get_logger("rtdb.deploy")


class Deployer:
    """Deploys bundles on one server, whose runners have ``bundle_hash`` and say ``description`` of it.

    ``runner_start`` says what a runner of a bundle is told. What is staged is prepared by tasks of ``nursery``.
    """

    def __init__(
        self,
        application: Application,
        pool: RunnerPool,
        action_pool: ActionPool,
        bundles: BundleStore,
        limits: Limits,
        nursery: trio.Nursery,
        *,
        runner_start: Callable[[str], frames.RunnerStart],
        bundle_hash: str,
        description: bytes,
        node_apps: NodeApps,
        run_blocking: RunBlocking = trio.to_thread.run_sync,
    ) -> None:
        self._limits = limits
        self._application = application
        self._pool = pool
        self._action_pool = action_pool
        self._bundles = bundles
        self._nursery = nursery
        self._runner_start = runner_start
        self._node_apps = node_apps
        self._run_blocking = run_blocking
        self._bundle_hash = bundle_hash
        self._description = description
        self._under_way = False
        self._staged: StagedDeploy | None = None
        self._keeping = trio.CancelScope()
        """Of the task that prepares what is staged."""
        self._kept = trio.Event()
        """Set when that task has ended, and if there is none."""
        self._kept.set()

    @property
    def bundle_hash(self) -> str:
        """Of the code that runs."""
        return self._bundle_hash

    @property
    def description(self) -> Description:
        """What is in the code that runs."""
        return decode_description(self._description)

    async def count_documents(self, tables: Collection[str]) -> dict[str, int]:
        """Return how many documents each of these tables has; those that are not there are left out."""
        counts = await take_step(self._application, "count", {"tables": sorted(tables)})
        return {table: int(count) for table, count in counts.items()}

    # --- in one go ----------------------------------------------------------------------------------------------------

    async def deploy(self, make_bundle: MakeBundle, report: Report, *, dry_run: bool = False) -> None:
        """Deploy what ``make_bundle`` returns. Raises :class:`DeployRefused`, and what it raises."""
        async with self._turn():
            deploy = await self._load(make_bundle, to_stay=not dry_run)
            change = msgspec.to_builtins(deploy.change)
            report({"type": "described", "bundle": deploy.bundle_hash, "change": change})
            if not deploy.unchanged:
                self._begin_preparation(deploy, report, rehearsal=dry_run)
                async with self._or_abandoned(deploy):
                    await deploy.preparation.run()
                    if not dry_run:
                        await self._finish(deploy)
            report(
                {
                    "type": "deployed",
                    "bundle": deploy.bundle_hash,
                    "unchanged": deploy.unchanged,
                    "dryRun": dry_run,
                }
            )

    # --- in steps -----------------------------------------------------------------------------------------------------

    async def stage(self, make_bundle: MakeBundle, *, rehearsal: bool = False) -> StagedDeploy:
        """Load what ``make_bundle`` returns and begin to prepare it. Raises :class:`DeployRefused`, and what it raises.

        A rehearsal is not kept loaded, and cannot be finished.
        """
        async with self._turn(loaded_stays=not rehearsal):
            variables = await take_step(self._application, "variables", {})
            deploy = await self._load(make_bundle, to_stay=not rehearsal)
            deploy.variables = variables
            self._begin_preparation(deploy, lambda event: None, rehearsal=rehearsal or deploy.unchanged)
            deploy.expect_within(self._limits.push_idle_seconds_max)
            self._staged = deploy
            self._keeping, self._kept = trio.CancelScope(), trio.Event()
            self._nursery.start_soon(self._keep_prepared, deploy, self._keeping, self._kept)
        return deploy

    async def finish(self, deploy: StagedDeploy) -> None:
        """Switch to what is staged, as soon as it is prepared; a rehearsal ends here. Raises :class:`DeployRefused`.

        Once it has begun it is carried out, whether anybody waits or not: who asks again must not find half of it.
        """
        deploy.heard_of()
        await deploy.wait_prepared()
        with trio.CancelScope(shield=True):
            if deploy.state == "prepared" and deploy.rehearsal:
                # Nothing was to be changed by it, which is not so any more if something else has been.
                active = (self._bundle_hash, self._description.decode())
                if not deploy.unchanged or active == (deploy.bundle_hash, deploy.encoded):
                    return
                deploy.become("over")
            if deploy.state == "prepared":
                async with self._turn(finishing=deploy):
                    # It may have failed just now.
                    if deploy.state == "prepared":
                        async with self._or_abandoned(deploy):
                            await self._finish(deploy)
                        return
        if deploy.failure is not None:
            raise deploy.failure
        raise _refused(
            "RaceDetected",
            "This push was overtaken by another one, or nothing was heard of it for "
            f"{self._limits.push_idle_seconds_max:g} s (push_idle_seconds_max). Push again.",
            409,
        )

    async def evaluate(self, make_bundle: MakeBundle) -> StagedDeploy:
        """Load what ``make_bundle`` returns, say what it is, and leave it. Raises as :meth:`deploy` does."""
        async with self._turn():
            deploy = await self._load(make_bundle, to_stay=False)
        deploy.become("over")
        return deploy

    async def _keep_prepared(self, deploy: StagedDeploy, keeping: trio.CancelScope, kept: trio.Event) -> None:
        """Prepare what is staged, and keep it so until it is finished, gives way, or is forgotten."""
        try:
            with keeping, deploy.patience:
                try:
                    await deploy.preparation.run()
                    deploy.become("prepared")
                    if not deploy.rehearsal:
                        await deploy.preparation.keep_up()
                except DeployRefused as refused:
                    deploy.fail(refused)
            if not keeping.cancelled_caught:
                # Nobody is about to do it: it has failed, is forgotten, or was a rehearsal.
                await self._leave(deploy)
        finally:
            kept.set()

    # --- turns --------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _turn(self, *, finishing: StagedDeploy | None = None, loaded_stays: bool = False) -> AsyncIterator[None]:
        """Be the one deploy that is carried out; what is staged gives way, unless it is what is to be finished.

        At its end what was loaded and is not used is discarded, unless it stays.
        """
        if self._under_way:
            raise _refused(
                "ConcurrentPush",
                "Another deploy is under way on this server; wait for its end. Are two `rtdb dev`, or two `npx convex "
                "dev`, running?",
                409,
            )
        self._under_way = True
        try:
            with trio.CancelScope(shield=True):
                self._keeping.cancel()
                await self._kept.wait()
                if self._staged is not None and self._staged is not finishing:
                    await self._leave(self._staged)
            yield
        except BaseException:
            loaded_stays = False
            raise
        finally:
            if not loaded_stays:
                self._discard()
            with trio.CancelScope(shield=True):
                await self._collect()
            self._under_way = False

    async def _leave(self, deploy: StagedDeploy) -> None:
        """Have nothing left of what is staged."""
        self._staged = None
        self._discard()
        await self._abandon(deploy)
        if deploy.state == "preparing" or (deploy.state == "prepared" and not deploy.rehearsal):
            deploy.become("over")

    @asynccontextmanager
    async def _or_abandoned(self, deploy: StagedDeploy) -> AsyncIterator[None]:
        """Have nothing left of what was prepared, if it comes to no good end."""
        try:
            yield
        except BaseException as error:
            with trio.CancelScope(shield=True):
                await self._abandon(deploy)
            if isinstance(error, DeployRefused):
                deploy.fail(error)
            raise
        finally:
            self._staged = None
            if deploy.state != "failed":
                deploy.become("over")

    def _discard(self) -> None:
        self._pool.discard()
        self._action_pool.discard()

    # --- steps --------------------------------------------------------------------------------------------------------

    async def _load(self, make_bundle: MakeBundle, *, to_stay: bool) -> StagedDeploy:
        """Store and load a bundle, unless it is what runs anyway; if it is to stay, in as many runners as it needs."""
        try:
            bundle_hash = await self._run_blocking(self._store, make_bundle)
            try:
                await self._run_blocking(self._node_apps.prepare, self._bundles.directory(bundle_hash))
            except BadRequestError as error:
                raise _refused(error.code, error.message, error.http_status) from error
        except OSError as error:
            raise _refused("BundleNotStored", f"The server cannot store the app: {error}.") from error
        encoded = await self._describe(bundle_hash, to_stay=to_stay)
        active = await take_step(self._application, "current", {})
        before = None if active is None else decode_description(active["description"])
        unchanged = active is not None and (active["bundle"], active["description"]) == (bundle_hash, encoded)
        return StagedDeploy(bundle_hash, encoded, before, unchanged=unchanged)

    def _store(self, make_bundle: MakeBundle) -> str:
        return self._bundles.store(make_bundle(self._bundles.read(self._bundle_hash)))

    async def _describe(self, bundle_hash: str, *, to_stay: bool) -> str:
        if bundle_hash == self._bundle_hash:
            return self._description.decode()
        start = self._runner_start(bundle_hash)
        ready = await (self._pool.load(start) if to_stay else self._pool.describe(start))
        if ready.error is not None:
            raise DeployRefused(ready.error)
        if decode_description(ready.description).has_actions:
            pool = self._action_pool
            action_runner_ready = await (pool.load(start) if to_stay else pool.describe(start))
            if action_runner_ready.error is not None:
                raise DeployRefused(action_runner_ready.error)
        return ready.description.decode()

    def _begin_preparation(self, deploy: StagedDeploy, report: Report, *, rehearsal: bool) -> None:
        deploy.rehearsal = rehearsal
        deploy.preparation = Preparation(self._application, self._limits, deploy.encoded, report, rehearsal=rehearsal)

    async def _finish(self, deploy: StagedDeploy) -> None:
        """Switch to what is prepared."""
        if deploy.bundle_hash != self._bundle_hash:
            await self._pool.wait_loaded()
            await self._action_pool.wait_loaded()
        await deploy.preparation.catch_up()
        with trio.CancelScope(shield=True):
            asked = {
                "bundle": deploy.bundle_hash,
                "description": deploy.encoded,
                "since": deploy.preparation.since,
                "variables": deploy.variables,
            }
            await take_step(self._application, "push", asked)
            if deploy.bundle_hash != self._bundle_hash:
                self._pool.switch()
                self._action_pool.switch()
            self._bundle_hash, self._description = deploy.bundle_hash, deploy.encoded.encode()
            self._application.use_description(deploy.description)
            self._application.pump()
            _log.info("deployed", bundle=deploy.bundle_hash)

    async def _abandon(self, deploy: StagedDeploy) -> None:
        if deploy.rehearsal:
            return
        try:
            await take_step(self._application, "abandon", {})
        except DeployRefused as refused:
            # The next deploy drops what it does not want of it.
            _log.warning("indexes of a failed deploy are left", code=refused.error.code, reason=refused.error.message)

    async def _collect(self) -> None:
        """Delete bundles that nothing runs any more; those of runners that are ending go with the next deploy."""
        needed = {self._bundle_hash, *self._pool.deployments, *self._action_pool.deployments}
        await self._run_blocking(self._bundles.collect, needed)
        await self._run_blocking(self._node_apps.collect, [self._bundles.directory(name) for name in needed])


def _refused(code: str, message: str, status: int = 0) -> DeployRefused:
    return DeployRefused(frames.ExecutionError(code=code, message=message, system=status))
