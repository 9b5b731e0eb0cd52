"""The messages of the sync protocol, both ways, and the texts and encodings inside them.

One JSON object per text message, told apart by ``type``. Function arguments, results and error payloads stay encoded
(:class:`msgspec.Raw`): nothing here decodes a document. Fields a client sends beyond these are ignored; a message that
does not fit is a :class:`ProtocolError`, never another exception.

Server messages are used twice: the server encodes them, the client decodes them. A field that is *absent* when there is
nothing to say (``errorData``) has the default ``UNSET``: clients take null for a payload.

Timestamps are unsigned nanoseconds in memory and base64 of 8 little-endian bytes on the wire (sync-protocol §2.1).
"""

from __future__ import annotations

import hashlib
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw, UnsetType

from rtdb.errors import BadRequestError
from rtdb.link.frames import ExecutionError

__all__ = [
    "ZERO_TIMESTAMP",
    "Action",
    "ActionResponse",
    "Add",
    "AuthError",
    "Authenticate",
    "ClientMessage",
    "Connect",
    "Event",
    "FatalError",
    "ModifyQuerySet",
    "Mutation",
    "MutationResponse",
    "Ping",
    "ProtocolError",
    "QueryFailed",
    "QueryRemoved",
    "QueryUpdated",
    "Remove",
    "ServerMessage",
    "Transition",
    "VersionMessage",
    "decode_client_message",
    "decode_server_message",
    "decode_timestamp",
    "encode_message",
    "encode_timestamp",
    "function_error_text",
    "request_identifier",
]

TIMESTAMP_MAX = 2**63 - 1
ZERO_TIMESTAMP = "AAAAAAAAAAA="

U32 = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]


class ProtocolError(BadRequestError):
    """A message that cannot be understood; ends the session."""

    default_code = "WSMessageInvalidJson"


# --- client → server --------------------------------------------------------------------------------------------------


class Connect(msgspec.Struct, frozen=True, gc=False, tag="Connect", omit_defaults=True):
    """First message of a connection."""

    sessionId: UUID
    connectionCount: U32
    lastCloseReason: str | None = None
    maxObservedTimestamp: str | None = None
    clientTs: int | None = None


class Authenticate(msgspec.Struct, frozen=True, gc=False, tag="Authenticate", omit_defaults=True):
    """Be someone else from here on. ``acting_as`` is the Rust client's name for ``impersonating``."""

    baseVersion: U32
    tokenType: Literal["User", "Admin", "None"]
    value: str | None = None
    impersonating: dict[str, Any] | None = None
    acting_as: dict[str, Any] | None = None


class Add(msgspec.Struct, frozen=True, gc=False, tag="Add", omit_defaults=True):
    """Watch a query from here on, under a number of the client's choice."""

    queryId: U32
    udfPath: str
    args: list[Raw]
    journal: str | None = None
    componentPath: str | None = None


class Remove(msgspec.Struct, frozen=True, gc=False, tag="Remove"):
    """Stop watching."""

    queryId: U32


class ModifyQuerySet(msgspec.Struct, frozen=True, gc=False, tag="ModifyQuerySet"):
    """Change which queries the session watches."""

    baseVersion: U32
    newVersion: U32
    modifications: list[Add | Remove]


class Mutation(msgspec.Struct, frozen=True, gc=False, tag="Mutation", omit_defaults=True):
    """Run a mutation, after all earlier ones of this session."""

    requestId: U32
    udfPath: str
    args: list[Raw]
    componentPath: str | None = None


class Action(msgspec.Struct, frozen=True, gc=False, tag="Action", omit_defaults=True):
    """Run an action, beside whatever else runs."""

    requestId: U32
    udfPath: str
    args: list[Raw]
    componentPath: str | None = None


class Event(msgspec.Struct, frozen=True, gc=False, tag="Event"):
    """Telemetry, never answered."""

    eventType: str = ""


ClientMessage = Connect | Authenticate | ModifyQuerySet | Mutation | Action | Event


# --- server → client --------------------------------------------------------------------------------------------------


class VersionMessage(msgspec.Struct, frozen=True, gc=False):
    """The three counters of a session's state as they travel."""

    querySet: U32
    identity: U32
    ts: str


class QueryUpdated(msgspec.Struct, frozen=True, gc=False, tag="QueryUpdated"):
    queryId: U32
    value: Raw
    logLines: list[str]
    journal: str | None = None


class QueryFailed(msgspec.Struct, frozen=True, gc=False, tag="QueryFailed"):
    queryId: U32
    errorMessage: str
    logLines: list[str]
    journal: str | None = None
    errorData: Raw | UnsetType = UNSET


class QueryRemoved(msgspec.Struct, frozen=True, gc=False, tag="QueryRemoved"):
    queryId: U32


class Transition(msgspec.Struct, frozen=True, gc=False, tag="Transition"):
    """All that changed between two versions. The server writes it by hand (``connection.encode_transition``)."""

    startVersion: VersionMessage
    endVersion: VersionMessage
    modifications: list[QueryUpdated | QueryFailed | QueryRemoved]
    clientClockSkew: int | None = None
    serverTs: int | None = None


class MutationResponse(msgspec.Struct, frozen=True, gc=False, tag="MutationResponse"):
    """``result`` is the value, or the error text when it did not succeed; ``ts`` is null then."""

    requestId: U32
    success: bool
    result: Raw
    ts: str | None = None
    logLines: list[str] = []
    errorData: Raw | UnsetType = UNSET


class ActionResponse(msgspec.Struct, frozen=True, gc=False, tag="ActionResponse"):
    requestId: U32
    success: bool
    result: Raw
    logLines: list[str]
    errorData: Raw | UnsetType = UNSET


class AuthError(msgspec.Struct, frozen=True, gc=False, tag="AuthError"):
    """``authUpdateAttempted``: the token of an Authenticate was refused, rather than one that used to be good."""

    error: str
    baseVersion: U32
    authUpdateAttempted: bool = True


class FatalError(msgspec.Struct, frozen=True, gc=False, tag="FatalError"):
    error: str


class Ping(msgspec.Struct, frozen=True, gc=False, tag="Ping"):
    pass


ServerMessage = Transition | MutationResponse | ActionResponse | AuthError | FatalError | Ping

_encoder = msgspec.json.Encoder()
_client_decoder = msgspec.json.Decoder(ClientMessage)
_server_decoder = msgspec.json.Decoder(ServerMessage)


def encode_message(message: msgspec.Struct) -> bytes:
    """Return the text of a message, UTF-8."""
    return _encoder.encode(message)


def decode_client_message(text: str | bytes) -> ClientMessage:
    """Understand what a client sent. Raises :class:`ProtocolError` for whatever is not a message.

    Paths and arguments are not looked into.
    """
    try:
        message: ClientMessage = _client_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ProtocolError(f"Received Invalid JSON on websocket: {error}") from error
    return message


def decode_server_message(text: str | bytes) -> ServerMessage:
    """Understand what a server sent. Raises :class:`ProtocolError` for whatever is not a message."""
    try:
        message: ServerMessage = _server_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ProtocolError(f"Received Invalid JSON on websocket: {error}") from error
    return message


def encode_timestamp(timestamp: int) -> str:
    """Return a timestamp's 12 characters."""
    return b2a_base64(timestamp.to_bytes(8, "little"), newline=False).decode("ascii")


def decode_timestamp(text: str) -> int:
    """Return the timestamp of 12 characters. Raises :class:`ProtocolError` if they are not one."""
    try:
        raw = a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise ProtocolError(f"Received Invalid JSON on websocket: invalid timestamp: {error}") from error
    if len(raw) != 8 or (timestamp := int.from_bytes(raw, "little")) > TIMESTAMP_MAX:
        raise ProtocolError("Received Invalid JSON on websocket: invalid timestamp: not 63 bits")
    return timestamp


def request_identifier(session: str, request: int) -> str:
    """Return the id that names a mutation or action of a session in error texts and logs (sync-protocol §9.1)."""
    return hashlib.sha256(f"{session}|{request}".encode()).hexdigest()[:16]


def function_error_text(request: str, error: ExecutionError, *, redact: bool) -> str:
    """Return the text a caller is shown for a failed function; ``request`` is the request id, 16 hex digits.

    Not redacted, it ends with a newline, as clients expect.
    """
    if redact:
        return f"[Request ID: {request}] Server Error"
    return f"[Request ID: {request}] Server Error\n{error.message}\n{error.frames}"
