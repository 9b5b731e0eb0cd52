"""Loading an app: a directory of modules becomes an :class:`App`. This is how those in Python are imported; those in
TypeScript are loaded by :mod:`rtdb.functions.typescript`.

The directory is imported as a package of its own under a private name, so that ``sys.path`` is untouched, an
``http.py`` of the app is not mistaken for the standard library's, modules reach each other relatively (``from .users
import find``), and two deployments can be loaded in one process. Sub-directories need no ``__init__.py``.

==================  ===================================================================
``schema.py``       holds ``schema = define_schema({...})``
``crons.py``        holds ``crons = Crons()``, the cron jobs of the app
``http.py``         holds ``http = HttpRouter()``, the routes of the app's HTTP actions
any other module    its decorated functions are ``module:name`` or ``folder/module:name``
``_generated/``     what `rtdb codegen` wrote: imported by other modules, holds no functions
==================  ===================================================================

Loading runs the app's code once, at import. Whatever goes wrong there is an :class:`AppLoadError` that names the file
and the line. It does not know deployments, the database or who asked.
"""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

from rtdb.config import Limits
from rtdb.errors import BadRequestError, RtdbError
from rtdb.functions.app import App, AppFunction, AppPart, PartCron, PartFunction, TableNames
from rtdb.functions.app_load_error import AppLoadError, load_error
from rtdb.functions.bundle import GENERATED
from rtdb.functions.crons import CronDefinition, Crons
from rtdb.functions.definition import FunctionDefinition
from rtdb.functions.description import Description, RouteDescription
from rtdb.functions.error_report import report_exception
from rtdb.functions.http_router import HttpRouter
from rtdb.functions.typescript.app_part import describe_modules, recall_modules
from rtdb.schema.schema import Schema, check_schema_limits
from rtdb.typescript.analysis import AnalysisError
from rtdb.typescript.host import Host, HostDied, HostUnavailable
from rtdb.typescript.module_set import ModuleSet, read_module_set
from rtdb.typescript.node_analysis import analyze_node_modules
from rtdb.typescript.node_app import node_app_of, node_modules_of
from rtdb.values.function_path import parse_function_path

__all__ = ["App", "AppFunction", "AppLoadError", "TableNames", "describe_python", "load_app", "load_schema"]

SCHEMA_ERROR = "Hit an error while evaluating your schema:\n"
RESERVED_MODULES = frozenset({"schema", "crons", "http", "auth_config"})
"""Modules of the top directory that are configuration and hold no functions."""

_NO_MODULES = frozenset({"__pycache__", GENERATED})
"""Directories whose files hold no functions."""

Variables = Callable[[], Mapping[str, str]]


def _nothing() -> None:
    return None


_package_numbers = itertools.count()


def load_app(
    directory: Path,
    limits: Limits,
    variables: Variables = dict,
    deployed: Callable[[], Description | None] = _nothing,
) -> App:
    """Load the app in ``directory``; one with TypeScript modules has a host that somebody must close.

    ``deployed`` returns what the modules were found to contain when they were deployed, None if they never were: then
    they are imported to see, with ``variables``, which returns the environment variables. An app that was deployed is
    what it was found to be, also when a variable that an import looks at has gone since: it is the functions of that
    module that fail then, and not the server. Raises :class:`AppLoadError`.
    """
    root = directory.resolve()
    python, router = _load_python(root, limits)
    modules = read_module_set(root)
    if modules is None:
        return App(root, [python], router=router)
    host = Host(limits)
    try:
        host.load(modules)
        found = deployed()
        typescript = (
            _analyze(host, root, modules, variables(), limits) if found is None else recall_modules(found, python)
        )
        return App(root, [python, typescript], router=router, host=host)
    except (AnalysisError, HostDied) as error:
        host.close()
        raise load_error(error.message, code=error.code) from error
    except HostUnavailable as error:
        raise load_error(str(error), code="TypeScriptUnavailable") from error
    except BaseException:
        host.close()
        raise


def describe_python(directory: Path, limits: Limits) -> Description:
    """Import the modules in Python and return what they are. Raises :class:`AppLoadError`.

    Without the cron jobs that call functions of modules that are not there: they may be in TypeScript.
    """
    root = directory.resolve()
    python, router = _load_python(root, limits)
    crons = [job for job in python.crons if _is_in_python(root, job.path)]
    return App(root, [python._replace(crons=crons)], router=router).description


def _is_in_python(root: Path, path: str) -> bool:
    return (root / path.partition(":")[0]).with_suffix(".py").is_file()


def _analyze(host: Host, root: Path, modules: ModuleSet, variables: Mapping[str, str], limits: Limits) -> AppPart:
    """Import the TypeScript modules to see what they contain."""
    analysis = host.analyze(variables)
    if node_modules_of(modules):
        for module in analyze_node_modules(node_app_of(root, modules), modules, variables, limits):
            analysis.modules[module.path] = module
    return describe_modules(analysis, limits)


def _load_python(root: Path, limits: Limits) -> tuple[AppPart, HttpRouter | None]:
    package = _make_package(root)
    definitions: dict[str, FunctionDefinition] = {}
    schema: Schema | None = None
    router: HttpRouter | None = None
    crons = Crons()
    for path in _module_files(root):
        name = path.relative_to(root).with_suffix("").as_posix()
        module = _import_module(package, name, root, limits)
        if name == "schema":
            schema = _find_schema(module, limits)
        elif name == "http":
            router = _find_router(module)
        elif name == "crons":
            crons = _find_crons(module)
        elif name not in RESERVED_MODULES:
            _collect(name, module, definitions)
    part = AppPart(
        language="Python",
        functions=[_part_function(path, definition) for path, definition in definitions.items()],
        schema=schema,
        routes=None if router is None else [RouteDescription(path, method) for path, method, _ in router.routes()],
        crons=[_part_cron(job, definitions) for job in crons.jobs],
    )
    return part, router


def load_schema(directory: Path, limits: Limits) -> Schema | None:
    """Import nothing but the schema of the app in ``directory``, None if it has none. Raises :class:`AppLoadError`."""
    root = directory.resolve()
    if not (root / "schema.py").is_file():
        return None
    return _find_schema(_import_module(_make_package(root), "schema", root, limits), limits)


def _make_package(root: Path) -> str:
    """Register an empty package whose modules are found in ``root`` and nowhere else."""
    name = f"_rtdb_app_{next(_package_numbers)}"
    package = ModuleType(name)
    package.__path__ = [str(root)]
    sys.modules[name] = package
    return name


def _module_files(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        raise load_error(f"The functions directory {root} does not exist")
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if path.name == "__init__.py" or any(part.startswith(".") or part in _NO_MODULES for part in parts):
            continue
        yield path


def _import_module(package: str, name: str, root: Path, limits: Limits) -> ModuleType:
    written = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # a bundle is not ours to write into
    try:
        return importlib.import_module(f"{package}.{name.replace('/', '.')}")
    except SyntaxError as error:
        file = str(error.filename or name).removeprefix(f"{root}/")
        raise load_error(
            f"{name}.py cannot be imported: SyntaxError: {error.msg}", f"    at <module> ({file}:{error.lineno})\n"
        ) from error
    except BaseException as error:  # what a module's top level does must not end the runner
        report = report_exception(error, root, limits)
        what = SCHEMA_ERROR if name == "schema" else f"{name}.py cannot be imported: "
        code = error.code if isinstance(error, RtdbError) else AppLoadError.default_code
        hint = ""
        if isinstance(error, ImportError) and (error.name or "").startswith(f"{package}.{GENERATED}"):
            hint = f"\nWhat is in {GENERATED} is written by `rtdb codegen`. Has it been run since the schema changed?"
        raise load_error(f"{what}{report.message}{hint}", report.frames, code=code) from error
    finally:
        sys.dont_write_bytecode = written


def _find_schema(module: ModuleType, limits: Limits) -> Schema:
    schema = getattr(module, "schema", None)
    if schema is None:
        raise load_error(
            "schema.py does not define `schema`. Write `schema = define_schema({...})`.",
            code="MissingSchemaExportError",
        )
    if not isinstance(schema, Schema):
        raise load_error(
            f"`schema` in schema.py is not a schema but {type(schema).__name__}. "
            "Write `schema = define_schema({...})`.",
            code="InvalidSchemaExport",
        )
    try:
        check_schema_limits(schema, limits)
    except BadRequestError as error:
        raise load_error(f"{SCHEMA_ERROR}{error.message}", code=error.code) from error
    return schema


def _find_router(module: ModuleType) -> HttpRouter:
    router = getattr(module, "http", None)
    if router is None:
        raise load_error("http.py does not define `http`. Write `http = HttpRouter()`.")
    if not isinstance(router, HttpRouter):
        raise load_error(f"`http` in http.py is not a router but {type(router).__name__}. Write `http = HttpRouter()`.")
    return router


def _find_crons(module: ModuleType) -> Crons:
    crons = getattr(module, "crons", None)
    if crons is None:
        raise _cron_error("crons.py does not define `crons`. Write `crons = Crons()`.")
    if not isinstance(crons, Crons):
        raise _cron_error(
            f"`crons` in crons.py is not a Crons object but {type(crons).__name__}. Write `crons = Crons()`."
        )
    return crons


def _cron_error(message: str) -> AppLoadError:
    return load_error(message, code="InvalidCron")


def _collect(name: str, module: ModuleType, definitions: dict[str, FunctionDefinition]) -> None:
    """Add the functions defined in a module. What it imported from another one is addressed there, not here."""
    seen: set[int] = set()
    for attribute, value in vars(module).items():
        if not isinstance(value, FunctionDefinition) or value.handler.__module__ != module.__name__:
            continue
        if id(value) in seen:
            continue
        seen.add(id(value))
        try:
            path = parse_function_path(f"{name}:{value.name or attribute}")
        except BadRequestError as error:
            raise load_error(f"{name}.py: {error.message}") from error
        if path.is_system:
            raise load_error(f"{name}.py: modules under `_system` are the server's own")
        if str(path) in definitions:
            raise load_error(f"{name}.py defines the function `{path.export}` twice")
        definitions[str(path)] = value


def _part_function(path: str, definition: FunctionDefinition) -> PartFunction:
    return PartFunction(
        path=path,
        kind=definition.kind,
        internal=definition.visibility == "internal",
        args=definition.args,
        returns=definition.returns,
        definition=definition,
    )


def _part_cron(job: CronDefinition, definitions: dict[str, FunctionDefinition]) -> PartCron:
    if isinstance(job.function, str):
        try:
            path = str(parse_function_path(job.function))
        except BadRequestError as error:
            raise _cron_error(f"The cron job '{job.name}': {error.message}") from error
    else:
        paths = [path for path, definition in definitions.items() if definition is job.function]
        if not paths:
            raise _cron_error(f"The cron job '{job.name}' schedules a function that does not exist: {job.function!r}")
        (path,) = paths
    return PartCron(job.name, path, job.args, job.schedule)
