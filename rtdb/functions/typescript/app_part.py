"""What the TypeScript modules of an app define, as the part of the app that is joined with its Python functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from rtdb.config import Limits
from rtdb.errors import BadRequestError, DeveloperError
from rtdb.functions.app import AppPart, PartCron, PartFunction
from rtdb.functions.app_load_error import load_error
from rtdb.functions.crons import Crons
from rtdb.functions.description import Description, FunctionDescription, Position, RouteDescription
from rtdb.functions.typescript.app_configuration import declared_variables, identity_providers
from rtdb.scheduler.schedule import schedule_from_json
from rtdb.schema.schema import Schema, check_schema_limits, schema_from_json
from rtdb.schema.validator_json import validator_from_json
from rtdb.typescript.analysis import Analysis, AnalyzedFunction, AnalyzedModule
from rtdb.typescript.module_set import ModuleSet
from rtdb.values.function_path import parse_function_path

__all__ = ["describe_modules", "describe_typescript", "recall_modules"]


def describe_modules(analysis: Analysis, limits: Limits) -> AppPart:
    """Return what the modules define. Raises AppLoadError where it is nothing that an app may have."""
    functions: list[PartFunction] = []
    routes: list[RouteDescription] | None = None
    crons: list[PartCron] = []
    for module in analysis.modules.values():
        functions += [_function(module, function) for function in module.functions]
        if module.routes is not None:
            routes = [RouteDescription(route.path, route.method) for route in module.routes]
        if module.crons is not None:
            crons = _crons(module.crons)
    schema = None if analysis.schema is None else _schema(analysis.schema, limits)
    return AppPart(
        language="TypeScript",
        functions=functions,
        schema=schema,
        routes=routes,
        crons=crons,
        auth=None if analysis.auth_config is None else identity_providers(analysis.auth_config),
        environment=None if analysis.definition is None else declared_variables(analysis.definition),
    )


def recall_modules(description: Description, python: AppPart) -> AppPart:
    """Return what :func:`describe_modules` has returned for an app that is described so: all of it that its Python
    modules do not define."""
    paths = {function.path for function in python.functions}
    names = {job.name for job in python.crons}
    schema = None if python.schema is not None or description.schema is None else schema_from_json(description.schema)
    return AppPart(
        language="TypeScript",
        functions=[_recalled(function) for function in description.functions if function.path not in paths],
        schema=schema,
        routes=None if python.routes is not None else description.routes,
        crons=[
            PartCron(job.name, job.path, msgspec.json.encode(job.args), schedule_from_json(job.schedule))
            for job in description.crons
            if job.name not in names
        ],
        auth=description.auth,
        environment=description.environment,
    )


def describe_typescript(description: Description, modules: ModuleSet | None) -> Description:
    """Return the functions and the schema of an app that are in its TypeScript modules, without their positions."""
    paths = set() if modules is None else modules.by_path.keys()
    return Description(
        functions=[
            msgspec.structs.replace(function, position=None, in_node=False)
            for function in description.functions
            if f"{parse_function_path(function.path).module}.js" in paths
        ],
        schema=description.schema if "schema.js" in paths else None,
    )


def _recalled(function: FunctionDescription) -> PartFunction:
    return PartFunction(
        path=function.path,
        kind=function.kind,
        internal=function.internal,
        args=validator_from_json(function.args),
        returns=None if function.returns is None else validator_from_json(function.returns),
        position=function.position,
        in_node=function.in_node,
    )


def _function(module: AnalyzedModule, function: AnalyzedFunction) -> PartFunction:
    try:
        path = parse_function_path(f"{module.path}:{function.name}")
        args = validator_from_json(msgspec.json.decode(function.args))
        returns = msgspec.json.decode(function.returns)
        return PartFunction(
            path=str(path),
            kind=function.kind,
            internal=function.visibility != "public",
            args=args,
            returns=None if returns is None else validator_from_json(returns),
            position=None if function.position is None else Position(*function.position),
            in_node=module.environment == "node",
        )
    except (BadRequestError, msgspec.DecodeError) as error:
        raise load_error(f"Failed to analyze {module.path}: {function.name}: {error}") from error


def _schema(text: str, limits: Limits) -> Schema:
    try:
        schema = schema_from_json(msgspec.json.decode(text))
        check_schema_limits(schema, limits)
    except BadRequestError as error:
        raise load_error(f"Hit an error while evaluating your schema:\n{error.message}", code=error.code) from error
    return schema


class _Job(msgspec.Struct):
    name: str
    args: list[dict[str, Any]]
    schedule: dict[str, Any]


_jobs = msgspec.json.Decoder(dict[str, _Job])


def _crons(text: str) -> list[PartCron]:
    """Return the jobs that ``crons.export()`` says, held to what jobs in Python are held to."""
    crons = Crons()
    try:
        for name, job in _jobs.decode(text).items():
            _add_job(crons, name, job)
        return [
            PartCron(job.name, str(parse_function_path(str(job.function))), job.args, job.schedule)
            for job in crons.jobs
        ]
    except (DeveloperError, BadRequestError) as error:
        raise load_error(error.message, code="InvalidCron") from error
    except (msgspec.ValidationError, TypeError) as error:
        raise load_error(f"The cron jobs of `convex/crons.js` cannot be read: {error}", code="InvalidCron") from error


def _add_job(crons: Crons, name: str, job: _Job) -> None:
    schedule = dict(job.schedule)
    kind = schedule.pop("type", None)
    add: dict[Any, Callable[..., None]] = {
        "interval": crons.interval,
        "hourly": crons.hourly,
        "daily": crons.daily,
        "weekly": crons.weekly,
        "monthly": crons.monthly,
    }
    arguments = job.args[0] if job.args else {}
    if kind == "cron":
        crons.cron(name, schedule.get("cron", ""), job.name, arguments)
        return
    if kind not in add:
        raise DeveloperError(f"The cron job '{name}' has a schedule of an unknown kind: {kind}", code="InvalidCron")
    named = {_FIELDS.get(field, field): value for field, value in schedule.items()}
    add[kind](name, job.name, arguments, **named)


_FIELDS = {"minuteUTC": "minute_utc", "hourUTC": "hour_utc", "dayOfWeek": "day_of_week"}
