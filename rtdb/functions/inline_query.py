"""An inline query: JavaScript that a developer has typed at a prompt, run once, in a transaction that only reads.

It has a Deno of its own, which is gone with it, so that an app in Python has inline queries too and one in TypeScript
keeps its contexts to itself. It reads as a query of the app would, and may call those.
"""

from __future__ import annotations

from typing import Final

import msgspec

from rtdb.config import Limits
from rtdb.errors import DeveloperError
from rtdb.functions.app import App, AppFunction, PartFunction
from rtdb.functions.function_calls import FunctionCalls
from rtdb.functions.system.definition import Arguments, convert_arguments
from rtdb.schema.validators import v
from rtdb.typescript.host import Host, HostUnavailable
from rtdb.typescript.inline_query import MODULE, inline_query_modules

__all__ = ["INLINE_QUERY_PATH", "evaluate"]

INLINE_QUERY_PATH: Final = "_system/repl:evaluate"
"""What it is called by, with ``{source}``, a module whose default export is the query."""

_QUERY: Final = PartFunction(
    f"{MODULE.removesuffix('.js')}:default", kind="query", internal=True, args=v.any(), returns=None
)


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    source: str


def evaluate(app: App, calls: FunctionCalls, arguments: Arguments, limits: Limits) -> bytes:
    """Return the encoded result. Raises CallFailed for what the query has thrown, DeveloperError without Deno."""
    asked = convert_arguments(arguments, _Asked, code="InvalidArguments", what="An inline query")
    host = Host(limits)
    try:
        host.load(inline_query_modules(asked.source))
        result, _ = calls.call(AppFunction(_QUERY, app.tables), b"{}", None, host)
        return result
    except HostUnavailable as error:
        raise DeveloperError(f"Inline queries cannot be run here. {error}", code="TypeScriptUnavailable") from error
    finally:
        host.close()
