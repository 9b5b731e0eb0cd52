"""Names of fields: the keys of any object value (data-model §1.3, the looser of the two rules); and paths of fields.

The stricter rule, for identifiers, is :func:`rtdb.values.function_path.check_identifier`.
"""

from __future__ import annotations

from typing import Final

from rtdb.config import Limits
from rtdb.errors import DeveloperError

__all__ = ["FieldNames", "check_field_name", "field_steps", "known_field_names"]

_BYTES_MAX: Final = Limits().field_name_bytes_max


def check_field_name(name: object) -> None:
    """Raise unless ``name`` may be a key of an object (data-model §1.3, the looser of the two rules)."""
    if not isinstance(name, str):
        raise _bad_field_name(f"Field name {name!r} is not a string: objects can only have string keys.")
    if name.startswith("$"):
        raise _bad_field_name(f"Field name {_printable(name)} starts with '$', which is reserved.")
    if not (name.isascii() and name.isprintable()):
        character = next(character for character in name if not " " <= character <= "~")
        raise _bad_field_name(
            f"Field name {_printable(name)} has invalid character '{_printable(character)}': "
            "Field names can only contain non-control ASCII characters"
        )
    if len(name) > _BYTES_MAX:
        raise _bad_field_name(f"Field name is too long ({len(name)} > maximum {_BYTES_MAX})")


def field_steps(path: str) -> list[str]:
    """Return the steps of the path of a field inside objects, ``"a.b"``: periods at its ends do not count.

    What the steps are is not checked: they are to be identifiers.
    """
    return path.strip(".").split(".")


def _bad_field_name(message: str) -> DeveloperError:
    return DeveloperError(message, code="InvalidFieldNameError")


def _printable(text: str) -> str:
    return text.encode("unicode_escape").decode() if not text.isprintable() else text


class FieldNames(dict[str, int]):
    """A memo of names that passed :func:`check_field_name`, each with what it adds to its object's size.

    Apps have few distinct field names, and checking one costs more than everything else about a field.
    """

    names_max: Final = 16_384
    """Room for every declared field. Keys of records are data, and must not make the memo grow without bound."""

    def __missing__(self, name: str) -> int:
        check_field_name(name)
        if len(self) >= self.names_max:
            self.clear()
        cost = self[name] = len(name) + 1
        return cost


known_field_names: Final = FieldNames()
