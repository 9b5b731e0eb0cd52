"""The layers of rtdb and the rules about who may import whom, as data and as functions that return sentences.

A *unit* is a module or package named below; the most specific name counts. A module may import units of lower rows and,
within its row, of its own package. ``rtdb`` itself (what an app imports) is a row of its own, because it only gathers
names.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.import_graph import Module, reachable

__all__ = ["LEAVES", "PROCESSES", "ROWS", "all_problems"]

ROWS: list[tuple[str, ...]] = [
    # 0: under everyone
    ("rtdb.errors",),
    ("rtdb.alarm", "rtdb.config", "rtdb.clock", "rtdb.process_log"),
    ("rtdb.public_origins",),
    ("rtdb.link",),
    ("rtdb.values",),
    # 1: what documents promise, where bytes lie, who is asking
    ("rtdb.scheduler.cron_expression", "rtdb.scheduler.schedule"),
    ("rtdb.schema", "rtdb.storage", "rtdb.auth.identity"),
    ("rtdb.blobstore",),
    ("rtdb.typescript",),
    # the protocol and the app author's API: leaves, see below
    ("rtdb.sync.messages",),
    (
        "rtdb.sync",
        "rtdb.functions.action_context",
        "rtdb.functions.definition",
        "rtdb.functions.description",
        "rtdb.functions.context",
        "rtdb.functions.environment_context",
        "rtdb.functions.filter_builder",
        "rtdb.functions.index_range_builder",
        "rtdb.functions.literal",
        "rtdb.functions.query_builder",
        "rtdb.functions.log_lines",
        "rtdb.functions.convex_error",
        "rtdb.functions.crons",
        "rtdb.functions.scheduler_context",
        "rtdb.functions.http_headers",
        "rtdb.functions.http_message",
        "rtdb.functions.http_router",
        "rtdb.functions.webhook_signature",
        "rtdb.functions.pagination_validators",
        "rtdb.functions.meta_context",
        "rtdb.functions.transaction_limits",
        "rtdb.functions.storage_context",
        "rtdb.functions.blob",
        "rtdb.functions.missing_attribute",
    ),
    ("rtdb", "rtdb.client", "rtdb.typing"),
    # 2
    ("rtdb.index",),
    # 3
    ("rtdb.transaction", "rtdb.storage.check"),
    ("rtdb.scheduler.work", "rtdb.scheduler.works", "rtdb.scheduler.cron_job", "rtdb.scheduler.scheduled_job"),
    # the runner's process: it executes transactions, and nobody else imports it
    ("rtdb.functions",),
    ("rtdb.functions.runner",),
    ("rtdb.functions.runner_process",),
    ("rtdb.functions.fetch",),
    ("rtdb.functions.action_environment",),
    ("rtdb.functions.action_run",),
    ("rtdb.functions.running_action",),
    ("rtdb.functions.http_actions",),
    ("rtdb.functions.action_runner",),
    ("rtdb.functions.loop_watch",),
    ("rtdb.functions.action_process",),
    # 4
    (
        "rtdb.functions.action_execution",
        "rtdb.functions.action_pool",
        "rtdb.functions.app_process",
        "rtdb.functions.call_queue",
        "rtdb.functions.code_pool",
        "rtdb.functions.execution",
        "rtdb.functions.fleet",
        "rtdb.functions.head_watch",
        "rtdb.functions.next_code",
        "rtdb.functions.pooled_action_runner",
        "rtdb.functions.pooled_runner",
        "rtdb.functions.run_times",
        "rtdb.functions.runner_handle",
        "rtdb.functions.runner_pool",
        "rtdb.functions.serial_lane",
        "rtdb.scheduler",
        "rtdb.reactivity",
        "rtdb.auth",
    ),
    # 5: the hub's process
    ("rtdb.application",),
    ("rtdb.deploy",),
    ("rtdb.hub",),
    # 6: the gateway's process
    ("rtdb.http", "rtdb.sync.worker", "rtdb.sync.transport"),
    # 7
    ("rtdb.gateway",),
    # 8
    ("rtdb.config_loader", "rtdb.dashboard", "rtdb.codegen"),
    ("rtdb.cli",),
    ("rtdb.testing",),
]

_VALUES = "rtdb.values"
_SCHEMA = "rtdb.schema"
LEAVES: dict[str, str] = {
    "rtdb.sync": _VALUES,
    "rtdb.sync.messages": _VALUES,
    "rtdb.client": _VALUES,
    "rtdb.functions.action_context": _SCHEMA,
    "rtdb.functions.definition": _SCHEMA,
    "rtdb.functions.description": _SCHEMA,
    "rtdb.functions.context": _SCHEMA,
    "rtdb.functions.environment_context": _SCHEMA,
    "rtdb.functions.filter_builder": _SCHEMA,
    "rtdb.functions.index_range_builder": _SCHEMA,
    "rtdb.functions.literal": _SCHEMA,
    "rtdb.functions.query_builder": _SCHEMA,
    "rtdb.functions.log_lines": _SCHEMA,
    "rtdb.functions.convex_error": _SCHEMA,
    "rtdb.functions.crons": _SCHEMA,
    "rtdb.functions.scheduler_context": _SCHEMA,
    "rtdb.functions.http_headers": _SCHEMA,
    "rtdb.functions.http_message": _SCHEMA,
    "rtdb.functions.http_router": _SCHEMA,
    "rtdb.functions.webhook_signature": _SCHEMA,
    "rtdb.functions.pagination_validators": _SCHEMA,
    "rtdb.functions.meta_context": _SCHEMA,
    "rtdb.functions.transaction_limits": _SCHEMA,
    "rtdb.functions.storage_context": _SCHEMA,
    "rtdb.functions.blob": _SCHEMA,
    "rtdb.functions.missing_attribute": _SCHEMA,
    "rtdb": _SCHEMA,
    "rtdb.typing": _SCHEMA,
}
"""Units that stop on purpose at the row of another: the protocol is tested without sockets, and an app's module imports
nothing of the server. They may import each other as their rows allow."""

PROCESSES = {
    "rtdb.cli.main",
    "rtdb.codegen.describe_process",
    "rtdb.functions.action_process",
    "rtdb.functions.runner_process",
    "rtdb.gateway.gateway",
    "rtdb.hub.hub",
    "rtdb.transaction.committer",
}
"""Where a process starts."""

RUNNER_MODULES = {
    "rtdb.functions.action_process",
    "rtdb.functions.action_run",
    "rtdb.functions.action_runner",
    "rtdb.functions.loop_watch",
    "rtdb.functions.http_actions",
    "rtdb.functions.runner",
    "rtdb.functions.runner_process",
    "rtdb.functions.running_action",
}
"""What loads and executes an app's code: a process of its own, and tests that are prepared for it."""

PUBLIC = {"rtdb", "rtdb.client", "rtdb.typing"}
"""What an app author or a client's author imports."""

GATEWAY_UNITS = ("rtdb.http", "rtdb.sync", "rtdb.gateway")

ONLY_IN: dict[str, tuple[str, ...]] = {
    "lmdb": ("rtdb.storage",),
    "trio": (
        "rtdb.alarm",
        "rtdb.application",
        "rtdb.auth",
        "rtdb.blobstore",
        "rtdb.cli",
        "rtdb.client",
        "rtdb.deploy",
        "rtdb.functions.action_pool",
        "rtdb.functions.action_process",
        "rtdb.functions.action_run",
        "rtdb.functions.action_runner",
        "rtdb.functions.action_variables",
        "rtdb.functions.fetch",
        "rtdb.functions.fetch_network",
        "rtdb.functions.app_process",
        "rtdb.functions.code_pool",
        "rtdb.functions.fleet",
        "rtdb.functions.loop_watch",
        "rtdb.functions.http_actions",
        "rtdb.functions.next_code",
        "rtdb.functions.runner_pool",
        "rtdb.functions.running_action",
        "rtdb.functions.serial_lane",
        "rtdb.functions.started_operations",
        "rtdb.functions.typescript.actions",
        "rtdb.gateway",
        "rtdb.hub",
        "rtdb.http",
        "rtdb.link",
        "rtdb.scheduler",
        "rtdb.sync.transport",
        "rtdb.sync.worker",
        "rtdb.testing",
        "rtdb.typescript.action_host",
        "rtdb.typescript.action_hosts",
        "rtdb.typescript.host_bodies",
        "rtdb.typescript.host_channel",
    ),
    "hypercorn": ("rtdb.gateway", "rtdb.http"),
    "starlette": ("rtdb.gateway", "rtdb.http", "rtdb.dashboard"),
    "wsproto": ("rtdb.gateway", "rtdb.client", "rtdb.testing"),
    "typer": ("rtdb.cli",),
    "hypothesis": ("rtdb.testing",),
    "rich": ("rtdb.cli",),
    "tomllib": ("rtdb.config_loader",),
    "asyncio": (),
    "multiprocessing": (),
}
"""Outside packages that belong to few: everything else stays sans-IO, blocking, or ignorant of the library."""

SEAMS: dict[str, tuple[str, ...]] = {
    "os.environ": ("rtdb.config_loader", "rtdb.cli", "rtdb.link.supervisor"),
    "os.getenv": (),
    "time.time": ("rtdb.clock",),
    "time.time_ns": ("rtdb.clock",),
    "os.urandom": ("rtdb.clock",),
    "os.fork": (),
    "random.random": (),
    "random.randrange": (),
    "random.choice": (),
    "uuid.uuid1": (),
    "uuid.uuid4": (),
}
"""What makes a run impossible to replay, or two servers impossible to test side by side, has one place."""


def all_problems(modules: dict[str, Module]) -> list[str]:
    """Return every broken rule as one sentence with a position; empty when the tree is as it should be."""
    return [
        *_unplaced(modules),
        *_upward_imports(modules),
        *_leaf_imports(modules),
        *_gateway_imports(modules),
        *_entry_imports(modules),
        *_outside_imports(modules),
        *_seam_uses(modules),
    ]


def orphans(modules: dict[str, Module]) -> list[str]:
    """Return the modules that no process and no public package ever loads."""
    loaded = reachable(modules, PROCESSES | PUBLIC)
    return [
        f"{module.path}: nothing that runs imports {name}"
        for name, module in modules.items()
        if name not in loaded
        and not _is_in(name, "rtdb.testing")
        # A package that holds a docstring only is a name kept for later, not code that rots.
        and any(not isinstance(node, ast.Expr) for node in module.tree.body)
    ]


def _is_in(name: str, prefix: str) -> bool:
    # `rtdb` is the top package only: every other module has a unit of its own.
    return name == prefix or (prefix != "rtdb" and name.startswith(prefix + "."))


def _unit(name: str) -> str | None:
    """Return the most specific unit that ``name`` belongs to."""
    return max((unit for row in ROWS for unit in row if _is_in(name, unit)), key=len, default=None)


_ROW_OF = {unit: number for number, row in enumerate(ROWS) for unit in row}


def _internal(modules: dict[str, Module]) -> Iterator[tuple[Module, str, str, str, int]]:
    """Yield (module, its unit, imported module, its unit, line) for every import within rtdb."""
    for module in modules.values():
        unit = _unit(module.name)
        for imported in module.imports:
            imported_unit = _unit(imported.target)
            if unit is not None and imported_unit is not None and unit != imported_unit:
                yield module, unit, imported.target, imported_unit, imported.line


def _unplaced(modules: dict[str, Module]) -> Iterator[str]:
    for name, module in modules.items():
        if _unit(name) is None:
            yield f"{module.path}: {name} has no layer; give it one in {__name__}.ROWS"


def _upward_imports(modules: dict[str, Module]) -> Iterator[str]:
    for module, unit, target, imported_unit, line in _internal(modules):
        if _is_package_of(module, target):
            continue
        same_package = module.name.split(".")[:2] == target.split(".")[:2]
        if _ROW_OF[imported_unit] > _ROW_OF[unit] or (_ROW_OF[imported_unit] == _ROW_OF[unit] and not same_package):
            yield f"{module.position(line)}: {module.name} may not import {target}: imports point down only"


def _is_package_of(module: Module, target: str) -> bool:
    """A package's ``__init__`` is a table of contents: it may name its own modules, whatever their unit."""
    return module.is_package and module.name != "rtdb" and target.startswith(module.name + ".")


def _leaf_imports(modules: dict[str, Module]) -> Iterator[str]:
    for module, unit, target, imported_unit, line in _internal(modules):
        ceiling = LEAVES.get(unit)
        if ceiling is None or imported_unit in LEAVES or _is_package_of(module, target):
            continue
        if _ROW_OF[imported_unit] > _ROW_OF[ceiling]:
            yield f"{module.position(line)}: {module.name} is a leaf above {ceiling} and may not import {target}"


def _knows_hub(target: str) -> bool:
    return _is_in(target, "rtdb.application") or _is_in(target, "rtdb.hub")


def _gateway_imports(modules: dict[str, Module]) -> Iterator[str]:
    for module, unit, target, _, line in _internal(modules):
        if any(_is_in(unit, gateway) for gateway in GATEWAY_UNITS) and _knows_hub(target):
            yield f"{module.position(line)}: {module.name} knows the application only as messages of rtdb.link.frames"


def _entry_imports(modules: dict[str, Module]) -> Iterator[str]:
    for module, _, target, _, line in _internal(modules):
        if _is_in(module.name, "rtdb.testing"):
            continue
        if target in RUNNER_MODULES and module.name not in RUNNER_MODULES:
            yield f"{module.position(line)}: {module.name} may not import {target}: it loads code of the app"
        elif _is_in(target, "rtdb.testing"):
            yield f"{module.position(line)}: {module.name} may not import {target}: nobody in rtdb does"
        elif target == "rtdb":
            yield f"{module.position(line)}: {module.name} imports from the public rtdb; name the module it comes from"


def _outside_imports(modules: dict[str, Module]) -> Iterator[str]:
    for module in modules.values():
        for imported in module.imports:
            top = imported.target.split(".")[0]
            if top in ONLY_IN and not any(_is_in(module.name, place) for place in ONLY_IN[top]):
                yield f"{module.position(imported.line)}: {module.name} may not import {top}"


def _seam_uses(modules: dict[str, Module]) -> Iterator[str]:
    for module in modules.values():
        for node in ast.walk(module.tree):
            if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
                continue
            use = f"{node.value.id}.{node.attr}"
            if use in SEAMS and not any(_is_in(module.name, place) for place in SEAMS[use]):
                yield f"{module.position(node.lineno)}: {use} has its seam elsewhere; take it as an argument"
