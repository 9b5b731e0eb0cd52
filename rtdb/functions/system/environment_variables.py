"""The functions by which administrators see and change environment variables (platform §5).

==================================================  ====================================================================
``_system/environment_variables:update``            set and unset some, all or none
``_system/environment_variables:values``            all that were set, as action runners ask for them
``_system/cli/queryEnvironmentVariables``           all that were set, by name; its ``get`` is one, a built-in one too
``_system/frontend/listEnvironmentVariables``       all that were set
``_system/cli/convexUrl:cloudUrl``, ``:siteUrl``    the public addresses of this server and of its HTTP actions
==================================================  ====================================================================

Those under ``cli`` and ``frontend`` have the names that the official command line and dashboard call.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from rtdb.errors import DeveloperError
from rtdb.functions.action_variables import VALUES_PATH
from rtdb.functions.environment_context import CLOUD_URL, SITE_URL, check_variable_name
from rtdb.functions.environment_variables import EnvironmentVariables
from rtdb.functions.system.definition import Arguments, SystemFunction, convert_arguments
from rtdb.transaction.transaction import Transaction

__all__ = ["functions"]


class _Change(msgspec.Struct):
    name: str
    value: str | None = None
    """None unsets it."""


class _Changes(msgspec.Struct):
    changes: list[_Change]


class _Named(msgspec.Struct):
    name: str


_convert = partial(convert_arguments, code="InvalidArguments", what="This function for environment variables")


def functions(variables: EnvironmentVariables) -> dict[str, SystemFunction]:
    """Return them, by path."""
    list_all = SystemFunction("query", partial(_list_all, variables))
    return {
        "_system/environment_variables:update": SystemFunction("mutation", partial(_update, variables)),
        VALUES_PATH: SystemFunction("query", partial(_values, variables)),
        "_system/cli/queryEnvironmentVariables:default": list_all,
        "_system/cli/queryEnvironmentVariables:get": SystemFunction("query", partial(_get, variables)),
        "_system/frontend/listEnvironmentVariables:default": list_all,
        "_system/cli/convexUrl:cloudUrl": SystemFunction("query", partial(_built_in, variables, CLOUD_URL)),
        "_system/cli/convexUrl:siteUrl": SystemFunction("query", partial(_built_in, variables, SITE_URL)),
    }


def _list_all(variables: EnvironmentVariables, transaction: Transaction, arguments: Arguments) -> Any:
    """Return the documents of all variables that were set, by name, with their values readable."""
    found = []
    unreadable = []
    for variable in sorted(variables.all_stored(transaction), key=lambda variable: variable.name):
        value = variables.open(variable)
        if value is None:
            unreadable.append(variable.name)
        found.append(
            {"_id": variable.id, "_creationTime": variable.creation_time, "name": variable.name, "value": value}
        )
    if unreadable:
        raise DeveloperError(
            f"The values of these environment variables were sealed with another instance secret: "
            f"{', '.join(unreadable)}. Put the file instance.secret back that this data belongs to, or set or unset "
            "these variables.",
            code="EnvironmentVariableUnreadable",
        )
    return found


def _values(variables: EnvironmentVariables, transaction: Transaction, arguments: Arguments) -> Any:
    """Return ``[name, value]`` of all variables that were set, null where a value cannot be read."""
    return [[variable.name, variables.open(variable)] for variable in variables.all_stored(transaction)]


def _get(variables: EnvironmentVariables, transaction: Transaction, arguments: Arguments) -> Any:
    """Return ``{name, value}`` of one variable, a built-in one too, or null."""
    name = _convert(arguments, _Named).name
    value = variables.lookup(transaction, name)
    return None if value is None else {"name": name, "value": value}


def _built_in(variables: EnvironmentVariables, name: str, transaction: Transaction, arguments: Arguments) -> Any:
    return variables.built_in[name]


def _update(variables: EnvironmentVariables, transaction: Transaction, arguments: Arguments) -> Any:
    """Set and unset variables, all or none.

    What is unset is unset first, so a name that is unset and set has its new value; unsetting what is not set is right.
    """
    changes = _convert(arguments, _Changes).changes
    wanted = {change.name: change.value for change in changes if change.value is not None}
    if len(wanted) < sum(change.value is not None for change in changes):
        raise DeveloperError("One or more environment variable name is not unique", code="EnvVarNameNotUnique")
    for change in changes:
        _check(variables, change)
    sizes = {variable.name: variable.size for variable in variables.all_stored(transaction)}
    for name in {change.name for change in changes} - wanted.keys():
        if sizes.pop(name, None) is not None:
            variables.remove(transaction, name)
    for name, value in wanted.items():
        sizes[name] = variables.put(transaction, name, value)
    _check_total(variables, sizes)
    return None


def _check(variables: EnvironmentVariables, change: _Change) -> None:
    check_variable_name(change.name, variables.limits.environment_name_bytes_max)
    if change.name in variables.built_in:
        raise DeveloperError(
            f'Environment variable with name "{change.name}" is built-in and cannot be overridden',
            code="EnvVarNameForbidden",
        )
    size, size_max = len((change.value or "").encode()), variables.limits.environment_value_bytes_max
    if size > size_max:
        raise DeveloperError(
            f"The environment variable value of {change.name} is {size} bytes, which is too large. "
            f"(max size: {size_max})",
            code="EnvironmentVariableValueTooLarge",
        )


def _check_total(variables: EnvironmentVariables, sizes: dict[str, int]) -> None:
    count_max, size_max = variables.limits.environment_variables_max, variables.limits.environment_bytes_max
    if len(sizes) > count_max:
        raise DeveloperError(f"The environment variable limit ({count_max}) has been met.", code="EnvVarLimitMet")
    total = sum(sizes.values())
    if total > size_max:
        raise DeveloperError(
            f"The total size of all environment variables ({total} bytes) exceeds the limit ({size_max} bytes).",
            code="EnvVarTotalSizeLimitMet",
        )
