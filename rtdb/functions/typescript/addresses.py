"""How the npm library names functions in syscalls (typescript-runtime §7): by path, by reference, or by handle."""

from __future__ import annotations

from typing import Final

import msgspec

from rtdb.errors import DeveloperError
from rtdb.functions.app import App
from rtdb.functions.call_steps import path_of_handle

__all__ = ["Address", "path_of_address"]

_FUNCTION: Final = "_reference/function/"


class Address(msgspec.Struct):
    """One of the three is given."""

    name: str | None = None
    reference: str | None = None
    functionHandle: str | None = None


def path_of_address(app: App, address: Address) -> str:
    """Return the path that is meant, of a function that may exist. Raises DeveloperError."""
    given = [each for each in (address.name, address.reference, address.functionHandle) if each is not None]
    if len(given) != 1:
        raise DeveloperError("Missing required argument 'name'", code="InvalidArgument")
    if address.name is not None:
        return address.name
    if address.reference is not None:
        if not address.reference.startswith(_FUNCTION):
            raise DeveloperError(f"Couldn't resolve {address.reference}", code="InvalidReference")
        return address.reference.removeprefix(_FUNCTION)
    return path_of_handle(app, given[0])
