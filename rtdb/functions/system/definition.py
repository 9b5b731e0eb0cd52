"""What a system function is: a kind, a handler, and who may call it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from rtdb.errors import DeveloperError
from rtdb.link.frames import FunctionKind
from rtdb.transaction.transaction import Transaction

__all__ = ["Arguments", "SystemFunction", "convert_arguments"]

Arguments = dict[str, Any]
Asked = TypeVar("Asked")


class SystemFunction(msgspec.Struct, frozen=True):
    """One of the server's own functions; its handler gets the transaction and the decoded arguments."""

    kind: FunctionKind
    handler: Callable[[Transaction, Arguments], Any]
    reserved: bool = False
    """Whether only the server itself may call it: out of turn it would do harm."""


def convert_arguments(arguments: Arguments, asked: type[Asked], *, code: str, what: str) -> Asked:
    """Return the arguments as the struct ``asked``; ``what`` begins the sentence that says they are none."""
    try:
        return msgspec.convert(arguments, asked, strict=False)
    except msgspec.ValidationError as error:
        raise DeveloperError(f"{what} takes other arguments: {error}", code=code) from error
