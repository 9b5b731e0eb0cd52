"""A loaded app: what its modules define, joined, whichever language they are written in.

Each language's loader gives an :class:`AppPart`. Together they are one app, so there is one schema and one source of
HTTP routes, no two functions have the same path and no two cron jobs the same name. It does not know how a part was
loaded, deployments, or the database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from rtdb.errors import ValidationError
from rtdb.functions.app_load_error import AppLoadError, load_error
from rtdb.functions.definition import FunctionDefinition
from rtdb.functions.description import (
    CronDescription,
    Description,
    FunctionDescription,
    Position,
    RouteDescription,
    VariableDescription,
)
from rtdb.functions.function_handle import function_handle
from rtdb.functions.http_router import HttpRouter
from rtdb.link.frames import FunctionKind
from rtdb.scheduler.schedule import Schedule, schedule_to_json
from rtdb.schema.compiled import Check, compile_document_validator, compile_validator
from rtdb.schema.schema import Schema
from rtdb.schema.validators import Validator
from rtdb.typescript.host import Host
from rtdb.values.function_path import parse_function_path
from rtdb.values.value import Value

__all__ = ["App", "AppFunction", "AppPart", "PartCron", "PartFunction", "TableNames"]


class PartFunction(NamedTuple):
    """A function as its language's loader found it."""

    path: str
    """Canonical."""
    kind: FunctionKind
    internal: bool
    args: Validator
    returns: Validator | None
    definition: FunctionDefinition | None = None
    """Its code in Python, None for a function of a TypeScript module."""
    position: Position | None = None
    """Where it is in the developer's source, as far as that is known."""
    in_node: bool = False
    """Whether its module begins with "use node"."""


class PartCron(NamedTuple):
    """A cron job; ``path`` is canonical, ``args`` the encoded JSON of an object."""

    name: str
    path: str
    args: bytes
    schedule: Schedule


class AppPart(NamedTuple):
    """What the modules of one language define."""

    language: str
    """For errors: how developers call it."""
    functions: Sequence[PartFunction]
    schema: Schema | None
    routes: list[RouteDescription] | None
    """None without a router."""
    crons: Sequence[PartCron]
    auth: list[dict[str, Any]] | None = None
    """Providers of identities, None where nothing is said of them."""
    environment: list[VariableDescription] | None = None
    """Environment variables that are declared, None where nothing is said of them."""


class TableNames:
    """Table names and numbers for compiled validators, answered by the transaction that is running.

    Validators are compiled once per app, but which table a name means is a matter of the snapshot, and looking it up is
    a read. One execution runs at a time, so the executor sets ``lookup_number`` and ``lookup_name`` for each.
    """

    __slots__ = ("lookup_name", "lookup_number")

    def __init__(self) -> None:
        self.lookup_number: Callable[[str], int | None] = lambda name: None
        self.lookup_name: Callable[[int], str | None] = lambda number: None

    def number(self, name: str) -> int | None:
        return self.lookup_number(name)

    def name(self, number: int) -> str | None:
        return self.lookup_name(number)


class AppFunction:
    """One function of a loaded app, ready to be called."""

    __slots__ = ("check_args", "check_returns", "handler", "internal", "kind", "path")

    def __init__(self, found: PartFunction, tables: TableNames) -> None:
        self.path = parse_function_path(found.path)
        self.handler = None if found.definition is None else found.definition.handler
        """Its code in Python, None for a function of a TypeScript module."""
        self.kind: FunctionKind = found.kind
        self.internal = found.internal
        self.check_args = compile_validator(found.args, tables.number, tables.name)
        self.check_returns = (
            None if found.returns is None else compile_validator(found.returns, tables.number, tables.name)
        )


class App:
    """A loaded app: its functions by canonical path, schema, HTTP routes, cron jobs, and its description.

    ``router`` holds the HTTP actions in Python, ``host`` has the TypeScript modules loaded, if there are any. Raises
    :class:`AppLoadError` where the parts do not fit together.
    """

    def __init__(
        self, root: Path, parts: Sequence[AppPart], *, router: HttpRouter | None = None, host: Host | None = None
    ) -> None:
        self.root = root
        self.router = router
        self.host = host
        self.schema = _only(parts, "schema", "a schema", "InvalidSchemaExport")
        self.tables = TableNames()
        found = _joined(parts)
        self.functions = {function.path: AppFunction(function, self.tables) for function in found}
        self._paths = {id(function.definition): function.path for function in found if function.definition is not None}
        self._found = found  # held, so that no other object is given the identity of a definition
        self.description = Description(
            functions=[_describe(function) for function in found],
            schema=None if self.schema is None else self.schema.to_json(),
            routes=_only(parts, "routes", "HTTP routes", "InvalidModules"),
            crons=self._crons(parts),
            auth=_only(parts, "auth", "providers of identities", "InvalidModules"),
            environment=_only(parts, "environment", "environment variables", "InvalidModules"),
        )
        self.document_checks = _document_checks(self.schema, self.tables)
        """By table name, for tables whose documents the schema checks."""

    def path_of(self, definition: FunctionDefinition) -> str | None:
        """Return the canonical path of one of the app's functions, None for any other."""
        return self._paths.get(id(definition))

    def path_of_handle(self, handle: str) -> str | None:
        """Return the canonical path of the function that a handle stands for, None if there is none."""
        return self._handles.get(handle.partition("#")[0])

    @cached_property
    def _handles(self) -> dict[str, str]:
        return {function_handle(path): path for path in self.functions}

    def _crons(self, parts: Sequence[AppPart]) -> list[CronDescription]:
        jobs: dict[str, PartCron] = {}
        for part in parts:
            for job in part.crons:
                if job.name in jobs:
                    raise _cron_error(f"Cron identifier registered twice: {job.name}, in Python and in TypeScript")
                self._check_cron(job)
                jobs[job.name] = job
        return [
            CronDescription(job.name, job.path, msgspec.json.decode(job.args), schedule_to_json(job.schedule))
            for _, job in sorted(jobs.items())
        ]

    def _check_cron(self, job: PartCron) -> None:
        """Raise unless the function that a cron job calls can be called so."""
        function = self.functions.get(job.path)
        if function is None:
            raise _cron_error(f"The cron job '{job.name}' schedules a function that does not exist: {job.path}")
        if function.kind == "query":
            raise _cron_error(
                f"The cron job '{job.name}' schedules a query function, only actions and mutations can be scheduled: "
                f"{job.path}"
            )

    def check_document(self, table: str, document: dict[str, Value]) -> None:
        """Raise when the schema does not allow this document in this table."""
        check = self.document_checks.get(table)
        if check is None:
            return
        try:
            check(document)
        except ValidationError as error:
            raise ValidationError(
                f'Failed to insert or update a document in table "{table}" because it does not match the schema: '
                f"{error.message}",
                code="SchemaEnforcementError",
            ) from error


def _joined(parts: Sequence[AppPart]) -> list[PartFunction]:
    """Return the functions of all parts in the order of their paths."""
    found: dict[str, PartFunction] = {}
    for part in parts:
        for function in part.functions:
            if function.path in found:
                raise load_error(
                    f"The function {function.path} is defined in Python and in TypeScript. Rename one of them, or "
                    "deploy without it."
                )
            found[function.path] = function
    return [found[path] for path in sorted(found)]


def _only(parts: Sequence[AppPart], name: str, what: str, code: str) -> Any:
    """Return what at most one part may have."""
    having = [part for part in parts if getattr(part, name) is not None]
    if len(having) > 1:
        languages = " and in ".join(part.language for part in having)
        raise load_error(f"The app defines {what} in {languages}. Keep one of the two.", code=code)
    return getattr(having[0], name) if having else None


def _describe(function: PartFunction) -> FunctionDescription:
    return FunctionDescription(
        path=function.path,
        kind=function.kind,
        internal=function.internal,
        args=function.args.to_json(),
        returns=None if function.returns is None else function.returns.to_json(),
        position=function.position,
        in_node=function.in_node,
    )


def _document_checks(schema: Schema | None, tables: TableNames) -> dict[str, Check]:
    checks: dict[str, Check] = {}
    if schema is None:
        return checks
    for name in schema.tables:
        validator = schema.validator(name)
        if validator is not None:
            checks[name] = compile_document_validator(validator, tables.number, tables.name)
    return checks


def _cron_error(message: str) -> AppLoadError:
    return load_error(message, code="InvalidCron")
