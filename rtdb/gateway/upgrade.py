"""The opening handshake of a sync session, sans-IO (sync-protocol §1.1, §1.2).

h11 reads the request; what follows it in the same bytes already belongs to the WebSocket. No extension and no
sub-protocol is ever accepted: without extensions a message is the same bytes for every session, which is what makes
fan-out cheap.
"""

from __future__ import annotations

import h11
import msgspec
from wsproto.utilities import generate_accept_token

from rtdb.errors import BadRequestError, RtdbError
from rtdb.http.client_version import UNKNOWN_CLIENT, ClientVersion, parse_client_header, parse_path_version
from rtdb.http.error_response import HttpResponse, empty_response, error_response

__all__ = ["Accepted", "Refused", "UpgradeParser", "refusal"]


class Accepted(msgspec.Struct, frozen=True):
    """The session may begin: who it is, what to answer, and what was received beyond the request."""

    client: ClientVersion
    response: bytes
    trailing: bytes


class Refused(msgspec.Struct, frozen=True):
    """There will be no session: what to answer before closing."""

    response: bytes


class UpgradeParser:
    """Reads one upgrade request."""

    def __init__(self, head_bytes_max: int) -> None:
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=head_bytes_max)

    def feed(self, data: bytes) -> Accepted | Refused | None:
        """Take in received bytes (empty: the peer has closed); None means the request is not complete yet."""
        try:
            self._connection.receive_data(data)
            event = self._connection.next_event()
        except h11.RemoteProtocolError as error:
            return _refuse(empty_response(error.error_status_hint), None)
        if event is h11.NEED_DATA:
            return None
        if not isinstance(event, h11.Request):
            return Refused(b"")
        try:
            return self._accept(event)
        except RtdbError as error:
            return refusal(error, _header(event, b"origin"))

    def _accept(self, request: h11.Request) -> Accepted:
        client = _client_version(request)
        client.require_supported()
        key = _check_upgrade(request)
        response = h11.InformationalResponse(
            status_code=101,
            reason=b"Switching Protocols",
            headers=[
                (b"Upgrade", b"websocket"),
                (b"Connection", b"Upgrade"),
                (b"Sec-WebSocket-Accept", generate_accept_token(key)),
                *client.deprecation_headers,
            ],
        )
        sent = self._connection.send(response)
        assert sent is not None
        return Accepted(client, sent, self._connection.trailing_data[0])


def refusal(error: RtdbError, origin: bytes | None = None) -> Refused:
    """Return the answer to a request that gets no session."""
    return _refuse(error_response(error), origin)


def _refuse(response: HttpResponse, origin: bytes | None) -> Refused:
    headers = [
        *response.headers,
        (b"Content-Length", b"%d" % len(response.body)),
        (b"Connection", b"close"),
    ]
    if origin is not None:
        headers.append((b"Access-Control-Allow-Origin", origin))
        headers.append((b"Access-Control-Allow-Credentials", b"true"))
    connection = h11.Connection(h11.SERVER)
    head = connection.send(h11.Response(status_code=response.status, headers=headers))
    body = connection.send(h11.Data(data=response.body))
    assert head is not None
    assert body is not None
    return Refused(head + body)


def _header(request: h11.Request, name: bytes) -> bytes | None:
    for found, value in request.headers:
        if found == name:
            return bytes(value)
    return None


def _client_version(request: h11.Request) -> ClientVersion:
    header = _header(request, b"convex-client")
    if header is not None:
        return parse_client_header(header.decode("latin-1"))
    parts = request.target.partition(b"?")[0].decode("latin-1").strip("/").split("/")
    # /api/sync names no version, /api/<version>/sync does.
    return parse_path_version(parts[1]) if len(parts) == 3 else UNKNOWN_CLIENT


def _has_token(value: bytes | None, token: bytes) -> bool:
    return value is not None and token in (part.strip() for part in value.lower().split(b","))


def _check_upgrade(request: h11.Request) -> bytes:
    """Return the key of a proper upgrade request. Raises with the code of what is wrong, in the original's order."""
    if request.method != b"GET":
        raise BadRequestError("Request method must be `GET`", code="MethodNotGet")
    if not _has_token(_header(request, b"connection"), b"upgrade"):
        raise BadRequestError("Connection header did not include 'upgrade'", code="InvalidConnectionHeader")
    if not _has_token(_header(request, b"upgrade"), b"websocket"):
        raise BadRequestError("`Upgrade` header did not include 'websocket'", code="InvalidUpgradeHeader")
    if _header(request, b"sec-websocket-version") != b"13":
        raise BadRequestError(
            "`Sec-WebSocket-Version` header did not include '13'", code="InvalidWebSocketVersionHeader"
        )
    key = _header(request, b"sec-websocket-key")
    if key is None:
        raise BadRequestError("`Sec-WebSocket-Key` header missing", code="WebSocketKeyHeaderMissing")
    return key
