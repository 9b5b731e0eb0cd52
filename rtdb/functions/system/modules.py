"""What the active deployment consists of.

=====================================  ==========================================================
``_system/cli/modules:apiSpec``        its functions with their validators, and its HTTP routes
``_system/frontend/components:list``   its components, of which there are none
=====================================  ==========================================================

They have the names that the official command line calls (cli-endpoints §14). The first is what ``npx convex
function-spec`` prints and ``npx convex run`` lists when there is no function of a name.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from rtdb.functions.description import FunctionDescription, decode_description
from rtdb.functions.system.definition import Arguments, SystemFunction, convert_arguments
from rtdb.functions.system.deployments import current
from rtdb.transaction.transaction import Transaction
from rtdb.values.function_path import parse_function_path

__all__ = ["FUNCTIONS", "api_spec"]

ANY: Final = {"type": "any"}


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    componentId: str | None = None


def api_spec(transaction: Transaction, arguments: Arguments) -> Any:
    """Return every function, in the order of their paths, then every HTTP route; nothing while nothing is deployed.

    A function is ``{identifier, functionType, visibility, args, returns}``, where both validators are JSON (data-model
    §4.1); a route is ``{functionType: "HttpAction", method, path}``.
    """
    convert_arguments(arguments, _Asked, code="InvalidArguments", what="This function for modules")
    active = current(transaction, {})
    if active is None:
        return []
    description = decode_description(active["description"])
    routes = [
        {"functionType": "HttpAction", "method": route.method, "path": route.path} for route in description.routes or ()
    ]
    return [*map(_function, description.functions), *routes]


def components(transaction: Transaction, arguments: Arguments) -> Any:
    """Return no component."""
    return []


def _function(function: FunctionDescription) -> dict[str, Any]:
    path = parse_function_path(function.path)
    return {
        "identifier": f"{path.module}.js:{path.export}",
        "functionType": function.kind.title(),
        "visibility": {"kind": "internal" if function.internal else "public"},
        "args": function.args,
        "returns": ANY if function.returns is None else function.returns,
    }


FUNCTIONS: Final = {
    "_system/cli/modules:apiSpec": SystemFunction("query", api_spec),
    "_system/frontend/components:list": SystemFunction("query", components),
}
