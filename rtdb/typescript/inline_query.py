"""An inline query, which a developer types at a prompt, as modules that a host can run.

The official command line sends one module (``npx convex run --inline-query``), whose default export is a query, made by
a function that it imports under the name :data:`WRAPPERS`. That function is `javascript/inline_query.js`.
"""

from __future__ import annotations

from typing import Final

from rtdb.typescript.deno import SCRIPTS
from rtdb.typescript.module_set import ModuleSet, TypeScriptModule

__all__ = ["MODULE", "inline_query_modules"]

MODULE: Final = "testQuery.js"
"""The module whose default export is the query."""

WRAPPERS: Final = "convex:/_system/repl/wrappers.js"
_WRAPPERS_PATH: Final = "_system/repl/wrappers.js"


def inline_query_modules(source: str) -> ModuleSet:
    """Return the modules of the query that the official command line has made this source of."""
    # Its imports of other modules are between modules of one set, as everybody's.
    modules = {
        MODULE: source.replace(f'"{WRAPPERS}"', f'"./{_WRAPPERS_PATH}"'),
        _WRAPPERS_PATH: (SCRIPTS / "inline_query.js").read_text(encoding="utf-8"),
    }
    return ModuleSet(
        modules=tuple(TypeScriptModule(path, text, None, "isolate") for path, text in sorted(modules.items())),
        server_version="1.48.0",
        import_seed="00" * 32,
        import_ns=0,
    )
