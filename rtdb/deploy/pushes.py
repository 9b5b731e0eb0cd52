"""The steps of the official CLI's push, each a request of its own, as the hub carries them out (cli-endpoints §6).

::

    hashes           what is deployed, so that only what has changed needs to be sent
    describe         what is in it, for `rtdb codegen`, which sees the modules in Python alone
    evaluate,        what would change, without any of it
    evaluate_schema
    start            the modules are loaded, and prepared in the background: what is in them, and what changes
    (the CLI generates code and checks types)
    wait             until documents are checked and indexes are built, or for as long as was asked
    finish           the switch

The CLI knows TypeScript modules alone: those of other languages stay as they are. There is one push at a time, the one
that was started last; `npx convex codegen` starts one that it does not finish. A step that is asked for again, since
its answer was lost, is answered again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import structlog
import trio

from rtdb.clock import Clock, Random
from rtdb.config import Limits
from rtdb.deploy.deployer import Deployer
from rtdb.deploy.preparation import DeployRefused
from rtdb.deploy.push_answer import evaluated_schema, finished_push, schema_change, started_push
from rtdb.deploy.push_request import (
    MESSAGE_CHARACTERS_MAX,
    FinishPush,
    StartPush,
    WaitForSchema,
    decode_request,
    pushed_modules,
)
from rtdb.deploy.staged_deploy import StagedDeploy
from rtdb.errors import BadRequestError, RtdbError, StalePushError
from rtdb.functions.bundle import Bundle, replace_typescript
from rtdb.functions.bundle_store import BundleStore
from rtdb.functions.description import Description
from rtdb.functions.typescript.app_part import describe_typescript
from rtdb.link import frames
from rtdb.typescript.module_set import ModuleSet, module_set_of, read_module_set

__all__ = ["Pushes"]

FUNCTIONS: Final = "convex/"
"""The directory of modules in a project: what the CLI takes it to be."""
NOT_HASHED: Final = frozenset({"convex.config.js", "schema.js"})
"""Modules that are pushed whole each time, beside the others."""
WHILE_PUSHING: Final = "Hit an error while pushing:\n"
WAIT_SECONDS_MAX: Final = 60.0
"""How long a request waits at most, whatever it asks for."""

_log = structlog.get_logger("rtdb.push")


class _Modules:
    """The modules of a push, as soon as its turn has come, and those that were active then."""

    def __init__(self, asked: StartPush, limits: Limits, import_seed: str, import_ns: int) -> None:
        self._asked = asked
        self._limits = limits
        self._import_seed = import_seed
        self._import_ns = import_ns
        self.before: ModuleSet | None = None
        self.after: ModuleSet

    def make_bundle(self, active: Bundle) -> Bundle:
        self.before = module_set_of(active.files)
        self.after = pushed_modules(self._asked, self.before, import_seed=self._import_seed, import_ns=self._import_ns)
        return replace_typescript(active, self.after.files(), self._limits)


class _Push:
    """One push. ``answer`` is that of its last step, once it is finished."""

    def __init__(self, name: str, deploy: StagedDeploy, modules: _Modules) -> None:
        self.name = name
        self.deploy = deploy
        self.modules = modules
        self.answer: dict[str, Any] | None = None


class Pushes:
    """Takes the steps of pushes to one server."""

    def __init__(self, deployer: Deployer, bundles: BundleStore, limits: Limits, clock: Clock, random: Random) -> None:
        self._deployer = deployer
        self._bundles = bundles
        self._limits = limits
        self._clock = clock
        self._random = random
        self._push: _Push | None = None
        """The one that was started last."""
        self._steps: dict[frames.PushStep, Callable[[bytes], Awaitable[Any]]] = {
            "hashes": self._hashes,
            "describe": self._describe,
            "evaluate": self._evaluate,
            "evaluate_schema": self._evaluate_schema,
            "start": self._start,
            "wait": self._wait,
            "finish": self._finish,
        }

    async def serve(self, request: frames.PushStepRequest, send: Callable[[frames.Answer], None]) -> None:
        """Take a step for a client and answer it."""
        result: bytes | None = None
        error: frames.ExecutionError | None = None
        try:
            result = msgspec.json.encode(await self._steps[request.step](request.body))
        except DeployRefused as refused:
            failed = refused.error
            error = frames.ExecutionError(failed.code, _told(refused), system=failed.system or 400)
        except RtdbError as failure:
            error = frames.ExecutionError(failure.code, failure.message, system=failure.http_status)
        send(frames.Answer(request.call, result, error, [], 0))

    # --- steps --------------------------------------------------------------------------------------------------------

    async def _hashes(self, _body: bytes) -> dict[str, Any]:
        directory = self._bundles.directory(self._deployer.bundle_hash)
        modules = await trio.to_thread.run_sync(read_module_set, directory)
        if modules is None:
            return {"config": {"functions": FUNCTIONS}, "moduleHashes": [], "udfServerVersion": None}
        # Left out where there is none: the CLI takes null for another version than its own.
        node = {} if modules.node_version is None else {"nodeVersion": modules.node_version}
        return {
            "config": {"functions": FUNCTIONS, **node},
            "moduleHashes": [
                {"path": module.path, "hash": module.sha256, "environment": module.environment}
                for module in modules.modules
                if module.path not in NOT_HASHED
            ],
            "udfServerVersion": modules.server_version,
            **node,
        }

    async def _describe(self, _body: bytes) -> Description:
        directory, description = self._bundles.directory(self._deployer.bundle_hash), self._deployer.description
        modules = await trio.to_thread.run_sync(read_module_set, directory)
        return describe_typescript(description, modules)

    async def _evaluate(self, body: bytes) -> dict[str, Any]:
        _asked, modules = await self._modules(body)
        with _while_pushing():
            deploy = await self._deployer.evaluate(modules.make_bundle)
        return {"schemaChange": schema_change("", deploy.change)}

    async def _evaluate_schema(self, body: bytes) -> dict[str, Any]:
        _asked, modules = await self._modules(body)
        with _while_pushing():
            deploy = await self._deployer.evaluate(modules.make_bundle)
        tables = {index.table for index in deploy.change.indexes}
        return evaluated_schema(deploy, await self._deployer.count_documents(tables))

    async def _start(self, body: bytes) -> dict[str, Any]:
        asked, modules = await self._modules(body)
        with _while_pushing():
            deploy = await self._deployer.stage(modules.make_bundle, rehearsal=asked.dry_run or asked.for_codegen)
        push = self._push = _Push(self._random.bytes(16).hex(), deploy, modules)
        return started_push(push.name, deploy, modules.after)

    async def _wait(self, body: bytes) -> dict[str, Any]:
        asked = decode_request(WaitForSchema, body)
        push = self._find(asked.schema_change.push_id)
        if push is None:
            return {"type": "raceDetected"}
        deploy = push.deploy
        deploy.heard_of()
        with trio.move_on_after(max(0.0, min(asked.timeout_ms / 1000, WAIT_SECONDS_MAX))):
            await deploy.wait_prepared()
        deploy.heard_of()
        if deploy.failure is not None:
            return {
                "type": "failed",
                "error": _told(deploy.failure),
                "componentPath": "",
                "tableName": deploy.failure.table,
            }
        if deploy.state == "preparing":
            preparation = deploy.preparation
            status = {
                "schemaValidationComplete": preparation.documents_checked,
                "indexesComplete": preparation.indexes_complete,
                "indexesTotal": preparation.indexes,
            }
            return {"type": "inProgress", "components": {"": status}}
        if deploy.state == "over" and push.answer is None:
            return {"type": "raceDetected"}
        return {"type": "complete"}

    async def _finish(self, body: bytes) -> dict[str, Any]:
        asked = await trio.to_thread.run_sync(decode_request, FinishPush, body)
        if asked.message is not None and len(asked.message) > MESSAGE_CHARACTERS_MAX:
            raise BadRequestError(
                f"The message of a deploy has at most {MESSAGE_CHARACTERS_MAX} characters.", code="InvalidConfig"
            )
        push = self._find(asked.start_push.schema_change.push_id)
        if push is None:
            raise StalePushError(
                "This push was overtaken by another one, or this server was started again. Push again."
            )
        if push.answer is None:
            deploy, modules = push.deploy, push.modules
            if asked.dry_run and not deploy.rehearsal:
                raise BadRequestError("What was not started as a dry run cannot end as one.", code="InvalidConfig")
            await self._deployer.finish(deploy)
            if not deploy.rehearsal:
                _log.info("pushed", bundle=deploy.bundle_hash, message=asked.message)
            push.answer = finished_push(deploy, modules.before, modules.after)
        return push.answer

    def _find(self, name: str) -> _Push | None:
        """Return the push of this name, if it is not over."""
        return self._push if self._push is not None and self._push.name == name else None

    async def _modules(self, body: bytes) -> tuple[StartPush, _Modules]:
        # Megabytes: not in this thread.
        asked = await trio.to_thread.run_sync(decode_request, StartPush, body)
        return asked, _Modules(asked, self._limits, self._random.bytes(32).hex(), self._clock.now_ns())


@contextmanager
def _while_pushing() -> Iterator[None]:
    """Say of what is wrong with an app that it is the app which is being pushed."""
    try:
        yield
    except BadRequestError as error:
        raise BadRequestError(f"{WHILE_PUSHING}{error.message}", code=error.code) from error
    except DeployRefused as refused:
        message = f"{WHILE_PUSHING}{_told(refused)}"
        raise DeployRefused(msgspec.structs.replace(refused.error, message=message, frames="")) from None


def _told(refused: DeployRefused) -> str:
    """Return what a developer reads of a failure: what it is, and where."""
    error = refused.error
    return f"{error.message}\n{error.frames}".rstrip("\n")
