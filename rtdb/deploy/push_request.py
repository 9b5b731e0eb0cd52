"""What the official CLI sends in the steps of a push, and the modules that it means (cli-endpoints §6.3).

Modules that have not changed since the CLI last asked are named by their hashes: they are taken from what is active,
which may be something else by now. Then the push is refused, and begins again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec

from rtdb.errors import BadRequestError, StalePushError
from rtdb.typescript.module_set import Environment, ModuleSet, NodeDependency, TypeScriptModule
from rtdb.values.function_path import check_module_path

__all__ = ["FinishPush", "StartPush", "WaitForSchema", "decode_request", "pushed_modules"]

SCHEMA: Final = "schema.js"
APP_DEFINITION: Final = "convex.config.js"
MESSAGE_CHARACTERS_MAX: Final = 1024

# What a registry has. npm would take a path, the address of a repository or a range as well.
_PACKAGE_NAME: Final = re.compile(r"(?=.{1,214}\Z)(?:@[\w~-][\w.~-]*/)?[\w~-][\w.~-]*", re.ASCII)
_PACKAGE_VERSION: Final = re.compile(r"(?=.{5,256}\Z)\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)

Request = TypeVar("Request", bound=msgspec.Struct)


class _Module(msgspec.Struct, rename="camel"):
    path: str
    source: str
    environment: Environment
    source_map: str | None = None


class _ModuleHash(msgspec.Struct):
    path: str
    environment: Environment
    sha256: str


class _AppDefinition(msgspec.Struct, rename="camel"):
    udf_server_version: str
    definition: _Module | None = None
    dependencies: list[str] = []
    schema: _Module | None = None
    changed_modules: list[_Module] = []
    unchanged_module_hashes: list[_ModuleHash] = []


class _Component(msgspec.Struct, rename="camel"):
    """A component's definition, of which only the name is looked at."""

    definition_path: str


class StartPush(msgspec.Struct, rename="camel"):
    """What starts a push, or is to be evaluated only."""

    app_definition: _AppDefinition
    dry_run: bool = False
    component_definitions: list[_Component] = []
    node_dependencies: list[NodeDependency] = []
    node_version: str | None = None
    for_codegen: bool = False


class _SchemaChange(msgspec.Struct, rename="camel"):
    """What this server says of a schema's change comes back as it was; all that is needed of it is whose it is."""

    push_id: str


class WaitForSchema(msgspec.Struct, rename="camel"):
    """How long to wait for the schema, milliseconds."""

    schema_change: _SchemaChange
    timeout_ms: float = 10_000.0


class _StartedPush(msgspec.Struct, rename="camel"):
    schema_change: _SchemaChange


class FinishPush(msgspec.Struct, rename="camel"):
    """Which push to finish. ``message`` is what the developer says of it."""

    start_push: _StartedPush
    dry_run: bool = False
    message: str | None = None


def decode_request(kind: type[Request], body: bytes) -> Request:
    """Return the body of a request as what it is to be. Raises ``InvalidConfig``."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(
            f"This push cannot be read: {error}. Is it from an `npx convex` that this server knows (npm convex 1.48)?",
            code="InvalidConfig",
        ) from error


def pushed_modules(asked: StartPush, active: ModuleSet | None, *, import_seed: str, import_ns: int) -> ModuleSet:
    """Return the modules of a push. Equal ones are evaluated as before: nothing has changed then, not even by a new
    seed.

    Raises ``ComponentsNotSupported``, ``BadConvexModuleIdentifier``, ``InvalidConfig``, and ``StalePushError`` where
    what is active does not have a module that is not sent.
    """
    _refuse_components(asked)
    _check_packages(asked.node_dependencies)
    app = asked.app_definition
    modules: dict[str, TypeScriptModule] = {}
    for module in (*_sent(app), *_kept(app, active)):
        check_module_path(module.path)
        if module.path in modules:
            raise BadRequestError(f"This push has the module {module.path} twice.", code="InvalidConfig")
        modules[module.path] = module
    pushed = ModuleSet(
        modules=tuple(modules[path] for path in sorted(modules)),
        server_version=app.udf_server_version,
        import_seed=import_seed if active is None else active.import_seed,
        import_ns=import_ns if active is None else active.import_ns,
        node_version=asked.node_version,
        node_dependencies=tuple(sorted(asked.node_dependencies)),
    )
    if pushed == active:
        return pushed
    return msgspec.structs.replace(pushed, import_seed=import_seed, import_ns=import_ns)


def _refuse_components(asked: StartPush) -> None:
    names = [
        component.definition_path for component in asked.component_definitions
    ] or asked.app_definition.dependencies
    if names:
        raise BadRequestError(
            f"convex.config.ts uses components ({', '.join(names)}), which this server does not have yet. Push the app "
            "without `app.use(…)`, and call the component's code as functions of your own.",
            code="ComponentsNotSupported",
        )


def _check_packages(packages: list[NodeDependency]) -> None:
    for name, version in ((package.name, package.version) for package in packages):
        if not _PACKAGE_NAME.fullmatch(name) or not _PACKAGE_VERSION.fullmatch(version):
            raise BadRequestError(
                f"nodeDependencies has {f'{name}@{version}'[:200]!r}, which is not one version of a package in a "
                "registry. Install what node.externalPackages of convex.json names from a registry, or leave it out "
                "there, so that it is bundled.",
                code="InvalidConfig",
            )


def _sent(app: _AppDefinition) -> Iterator[TypeScriptModule]:
    for module, path in ((app.definition, APP_DEFINITION), (app.schema, SCHEMA)):
        if module is not None and module.path != path:
            raise BadRequestError(f"This push has {module.path} where {path} belongs.", code="InvalidConfig")
    whole = [module for module in (app.definition, app.schema) if module is not None]
    for module in (*whole, *app.changed_modules):
        yield TypeScriptModule(module.path, module.source, module.source_map, module.environment)


def _kept(app: _AppDefinition, active: ModuleSet | None) -> Iterator[TypeScriptModule]:
    there: dict[str, Any] = {} if active is None else active.by_path
    for named in app.unchanged_module_hashes:
        module = there.get(named.path)
        if module is None:
            raise StalePushError(
                f"Could not find existing unchanged module {named.path}. Was something else deployed meanwhile? Push "
                "again.",
                code="MissingExistingModule",
            )
        if (module.sha256, module.environment) != (named.sha256.lower(), named.environment):
            raise StalePushError(
                f"Existing module hash does not match: {named.path}. Was something else deployed meanwhile? Push "
                "again.",
                code="ExistingModuleHashConflict",
            )
        yield module
