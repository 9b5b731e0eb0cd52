"""What is in an app's TypeScript modules, which `npx convex` pushes: as a server said it, and as it was kept.

It is kept as ``typescript.json`` beside the files that are made of it, from the first time that there is any of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from rtdb.codegen.app_process import AppProblem
from rtdb.functions.bundle import GENERATED
from rtdb.functions.description import Description, decode_description, encode_description

__all__ = ["join_typescript", "kept_typescript", "typescript_file"]

NAME: Final = "typescript.json"
NOTHING: Final = Description(functions=[], schema=None)


def kept_typescript(functions: Path) -> Description:
    """Return what was kept; nothing if nothing was. Raises :class:`AppProblem` and ``OSError``."""
    path = functions / GENERATED / NAME
    if not path.is_file():
        return NOTHING
    try:
        return decode_description(path.read_bytes())
    except msgspec.MsgspecError as error:
        raise AppProblem(f"{path} is not what `rtdb codegen` wrote ({error}). Delete it and run it again.") from error


def typescript_file(functions: Path, typescript: Description) -> dict[str, str]:
    """Return the file that keeps it, by its name; none for an app that has never had any TypeScript."""
    if typescript == NOTHING and not (functions / GENERATED / NAME).exists():
        return {}
    encoded = encode_description(typescript)
    return {NAME: msgspec.json.format(encoded, indent=2).decode() + "\n"}


def join_typescript(python: Description, typescript: Description) -> Description:
    """Return the app that both languages are.

    What both define is taken from Python. The server refuses that, unless the one in TypeScript has gone by then.
    """
    functions = {function.path: function for function in (*typescript.functions, *python.functions)}
    return Description(
        functions=[functions[path] for path in sorted(functions)],
        schema=typescript.schema if python.schema is None else python.schema,
    )
