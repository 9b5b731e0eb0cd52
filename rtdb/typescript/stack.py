"""Stacks of JavaScript errors, as their readers want them: in the author's files (typescript-runtime §10).

::

    Error: no such user                                                   at findUser (../convex/users.ts:12:9)
        at findUser (convex:/users.js:31:11)               ─▶             at handler (../convex/profiles.ts:30:24)
        at async handler (convex:/profiles.js:44:24)
        at async invokeFunction (convex:/_deps/TXWGU4T3.js:2476:9)

A frame that no source map knows, or that belongs to the library's own machinery, helps nobody. Stacks of queries and
mutations are in the author's files already: their code reads them so (`javascript/source_maps.js`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from rtdb.typescript.module_set import ModuleSet
from rtdb.typescript.source_map import Position, SourceMap

__all__ = ["SourceMaps"]

_FRAME: Final = re.compile(
    r"^\s+at (?:(?P<function>.*) \()?(?P<generated>convex:/)?(?P<path>[^/():][^():]*)"
    r":(?P<line>\d{1,9}):(?P<column>\d{1,9})\)?$"
)
_MACHINERY: Final = ("udf-runtime/src", "convex/src/server/impl")


class SourceMaps:
    """The source maps of a module set; each is decoded when it is first needed."""

    def __init__(self, modules: ModuleSet) -> None:
        self._maps: Mapping[str, SourceMap] = {
            module.path: SourceMap(module.source_map) for module in modules.modules if module.source_map is not None
        }

    def find(self, path: str, line: int, column: int) -> Position | None:
        """Return where a place of a module comes from; lines and columns are counted from 0."""
        source_map = self._maps.get(path)
        return None if source_map is None else source_map.find(line, column)

    def frames(self, stack: str, frames_max: int) -> str:
        """Return a line for each frame of the app, innermost first."""
        frames = [frame for line in stack.split("\n") if (frame := self._frame(line)) is not None]
        while frames and frames[0][1]:
            frames.pop(0)
        while frames and frames[-1][1]:
            frames.pop()
        return "".join(f"    at {text}\n" for text, _ in frames[:frames_max])

    def _frame(self, line: str) -> tuple[str, bool] | None:
        """Return the text of a frame and whether it is the library's machinery; None if it is not of a module."""
        if (match := _FRAME.match(line)) is None:
            return None
        found: Position | None = Position(match["path"], int(match["line"]) - 1, int(match["column"]) - 1)
        if match["generated"]:
            assert found is not None
            found = self.find(*found)
        if found is None:
            return None
        place = f"{found.path}:{found.line + 1}:{found.column + 1}"
        text = f"{match['function']} ({place})" if match["function"] else place
        return text, any(part in found.path for part in _MACHINERY)
