"""What a client's caller may have to catch."""

from __future__ import annotations

from rtdb.errors import RtdbError
from rtdb.values.value import Value

__all__ = ["ClientError", "ConvexError", "FunctionError"]


class ClientError(RtdbError):
    """The client can do no more, or has lost the answer to a call."""

    default_code = "ClientError"


class FunctionError(ClientError):
    """The function failed on the server; the message is the server's text."""

    default_code = "FunctionError"


class ConvexError(FunctionError):
    """The app's own error: ``data`` is what the function raised it with."""

    default_code = "ApplicationError"

    def __init__(self, message: str, data: Value) -> None:
        super().__init__(message)
        self.data = data
