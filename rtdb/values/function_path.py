"""Names of functions: ``folder/module:export`` (sync-protocol §2.3).

Clients write the same function in several ways: with or without ``.js``, with or without ``:default``. Parsing makes
them equal; the canonical text has neither a missing export nor ``.js``, unless a period in the module's name needs it.

What it does not know: which functions exist, or that modules are files.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import msgspec

from rtdb.errors import BadRequestError

__all__ = ["SYSTEM_PREFIX", "FunctionPath", "check_identifier", "check_module_path", "parse_function_path"]

SYSTEM_PREFIX: Final = "_system/"
"""What the paths of the server's own functions begin with; an app has none there."""

IDENTIFIER_MAX: Final = 64
DEFAULT_EXPORT: Final = "default"
PATH_CHARACTERS_MAX: Final = 1024
"""As long as the path of a module in a bundle; what is longer is not looked at, nor repeated in logs."""
PATHS_CACHED: Final = 4096
"""Paths remembered, since clients ask for the same few again and again."""
CACHED_CHARACTERS_MAX: Final = 256
"""Longer ones are not kept, so that nobody can fill the memory with them."""

_COMPONENT: Final = re.compile(r"[A-Za-z0-9_.]+", re.ASCII)
_ALPHANUMERIC: Final = re.compile(r"[A-Za-z0-9]", re.ASCII)


class FunctionPath(msgspec.Struct, frozen=True, order=True):
    """A function's canonical name. ``module`` has no ``.js``; ``export`` is never empty."""

    module: str
    export: str

    def __str__(self) -> str:
        name = self.module.rpartition("/")[2]
        # What follows a period would be taken for the extension.
        extension = ".js" if "." in name[1:] else ""
        return f"{self.module}{extension}:{self.export}"

    @property
    def short(self) -> str:
        """The name in messages, where the export ``default`` is not written."""
        return self.module if self.export == DEFAULT_EXPORT else str(self)

    @property
    def is_system(self) -> bool:
        """Whether the function is the server's own (``_system/…``), never an app's."""
        return self.module.partition("/")[0] == "_system"


def parse_function_path(text: str) -> FunctionPath:
    """Return the path that ``text`` denotes. Raises :class:`BadRequestError` when it cannot denote one."""
    if len(text) > PATH_CHARACTERS_MAX:
        raise _invalid(f"{text[:200]}…", f"It is longer than {PATH_CHARACTERS_MAX} characters.")
    return _parse_known(text) if len(text) <= CACHED_CHARACTERS_MAX else _parse(text)


def _parse(text: str) -> FunctionPath:
    module, colon, export = text.rpartition(":")
    if colon:
        problem = check_identifier(export)
        if problem is not None:
            raise _invalid(text, problem)
    else:
        module, export = text, DEFAULT_EXPORT
    return FunctionPath(_canonical_module(text, module), export)


_parse_known = lru_cache(PATHS_CACHED)(_parse)


def _canonical_module(text: str, module: str) -> str:
    if module.startswith("/"):
        raise _invalid(text, f"Module paths must be relative ({module} is absolute).")
    components = [component for component in module.split("/") if component not in ("", ".")]
    if not components or components[-1] == "..":
        raise _invalid(text, f"Module path {module} doesn't have a filename.")
    stem, dot, extension = components[-1].rpartition(".")
    if dot and stem:
        if extension != "js":
            raise _invalid(text, f"Module path ({module}) has an extension that isn't 'js'.")
        components[-1] = stem
    for index, component in enumerate(components):
        # The limit counts the file name with its extension, as it would be stored.
        name = f"{component}.js" if index == len(components) - 1 else component
        if len(name) > IDENTIFIER_MAX:
            raise _invalid(text, f"Path component is too long ({len(name)} > maximum {IDENTIFIER_MAX}).")
        if not _COMPONENT.fullmatch(component):
            raise _invalid(
                text,
                f"Path component {component} can only contain alphanumeric characters, underscores, or periods.",
            )
        if not _ALPHANUMERIC.search(component):
            raise _invalid(text, f"Path component {component} must have at least one alphanumeric character.")
    return "/".join(components)


def check_module_path(path: str) -> None:
    """Raise ``BadConvexModuleIdentifier`` unless a module may have this path, as in ``folder/messages.js``."""
    try:
        if len(path) > PATH_CHARACTERS_MAX:
            raise _invalid(f"{path[:200]}…", f"It is longer than {PATH_CHARACTERS_MAX} characters.")
        canonical = _canonical_module(path, path)
        if f"{canonical}.js" != path or canonical.startswith(SYSTEM_PREFIX):
            raise _invalid(path, "It is not how the path of an app's module is written.")
    except BadRequestError as error:
        reason = error.message.removeprefix("Invalid function path ")
        raise BadRequestError(f"Invalid module path {reason}", code="BadConvexModuleIdentifier") from error


def check_identifier(text: str) -> str | None:
    """Return what keeps ``text`` from being an identifier (data-model §1.3), or None when it is one."""
    if not text:
        return "Identifier cannot be empty"
    if not (("a" <= text[0].lower() <= "z" and text[0].isascii()) or text[0] == "_"):
        return (
            f"Invalid first character '{text[0]}' in {text}: "
            "Identifiers must start with an alphabetic character or underscore"
        )
    for character in text:
        if not ((character.isascii() and character.isalnum()) or character == "_"):
            return (
                f"Identifier {text} has invalid character '{character}': "
                "Identifiers can only contain alphanumeric characters or underscores"
            )
    if len(text) > IDENTIFIER_MAX:
        return f"Identifier is too long ({len(text)} > maximum {IDENTIFIER_MAX})"
    if not text.strip("_"):
        return f"Identifier {text} cannot have exclusively underscores"
    return None


def _invalid(text: str, reason: str) -> BadRequestError:
    return BadRequestError(f"Invalid function path {text!r}: {reason}", code="BadConvexFunctionIdentifier")
