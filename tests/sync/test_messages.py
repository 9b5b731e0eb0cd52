"""The wire messages: what is accepted, what is refused, and the encodings inside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from rtdb.link.frames import ExecutionError
from rtdb.sync.messages import (
    Add,
    Connect,
    Event,
    ModifyQuerySet,
    Mutation,
    MutationResponse,
    ProtocolError,
    Remove,
    decode_client_message,
    decode_server_message,
    decode_timestamp,
    encode_message,
    encode_timestamp,
    function_error_text,
    request_identifier,
)

SESSION = "0b9f1c52-8d43-4a6e-9c1e-7f3a2d5b6e10"


@pytest.mark.parametrize(
    ("timestamp", "text"),
    [(0, "AAAAAAAAAAA="), (1, "AQAAAAAAAAA="), (1700000000123456789, "Fc2FPf6clxc=")],
)
def test_timestamps_are_eight_little_endian_bytes_in_base64(timestamp: int, text: str) -> None:
    assert encode_timestamp(timestamp) == text
    assert decode_timestamp(text) == timestamp


@given(st.integers(0, 2**63 - 1))
def test_every_timestamp_survives_the_wire(timestamp: int) -> None:
    assert decode_timestamp(encode_timestamp(timestamp)) == timestamp


@pytest.mark.parametrize(
    "text", ["", "AAAA", "AAAAAAAAAAA", "//////////8=", "AAAAAAAAAIA=", "AAAAAAAAAA\u00e4=", "!AAAAAAAAAA="]
)
def test_a_timestamp_that_is_none_is_a_protocol_error(text: str) -> None:
    with pytest.raises(ProtocolError):
        decode_timestamp(text)


def test_messages_of_the_npm_client_are_understood() -> None:
    connect = decode_client_message(
        f'{{"type":"Connect","sessionId":"{SESSION}","connectionCount":0,"lastCloseReason":"InitialConnect",'
        '"clientTs":1700000000456,"somethingNew":[{}]}'
    )
    assert isinstance(connect, Connect)
    assert str(connect.sessionId) == SESSION
    modify = decode_client_message(
        '{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1,"modifications":['
        '{"type":"Add","queryId":0,"udfPath":"messages:list","args":[{"channel":"general"}],"journal":null},'
        '{"type":"Remove","queryId":4}]}'
    )
    assert isinstance(modify, ModifyQuerySet)
    add, remove = modify.modifications
    assert isinstance(add, Add)
    assert bytes(add.args[0]) == b'{"channel":"general"}'
    assert remove == Remove(4)
    assert isinstance(decode_client_message('{"type":"Event","eventType":"X","event":{"a":1}}'), Event)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        '"Connect"',
        "{}",
        '{"type":"Disconnect"}',
        '{"type":"Mutation","requestId":1,"udfPath":"m:x"}',
        '{"type":"Mutation","requestId":-1,"udfPath":"m:x","args":[]}',
        '{"type":"Mutation","requestId":4294967296,"udfPath":"m:x","args":[]}',
        '{"type":"Mutation","requestId":1.5,"udfPath":"m:x","args":[]}',
        '{"type":"Connect","sessionId":"not a uuid","connectionCount":0}',
        '{"type":"Mutation","requestId":1,"udfPath":"m:x","args":[' + "[" * 100_000 + "]" * 100_000 + "]}",
        "\ud800",
        b"\xff\xfe",
    ],
)
def test_what_is_no_message_is_a_protocol_error_that_says_so(text: str | bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^Received Invalid JSON on websocket: "):
        decode_client_message(text)


@given(st.one_of(st.text(), st.binary()))
def test_garbage_is_a_protocol_error_on_either_side(garbage: str | bytes) -> None:
    for decode in (decode_client_message, decode_server_message):
        with pytest.raises(ProtocolError):
            decode(garbage)


def test_a_payload_is_absent_unless_there_is_one_and_null_is_one() -> None:
    without = encode_message(MutationResponse(1, False, Raw(b'"no"'), None, []))
    assert without == b'{"type":"MutationResponse","requestId":1,"success":false,"result":"no","ts":null,"logLines":[]}'
    assert b'"errorData":null' in encode_message(MutationResponse(1, False, Raw(b'"no"'), None, [], Raw(b"null")))


def test_a_request_is_named_by_its_session_and_number() -> None:
    assert request_identifier(SESSION, 4) == "b35e859a17235e86"


def test_error_texts_end_with_a_newline_unless_redacted() -> None:
    error = ExecutionError("x", "Uncaught ValueError: no", "    at send (messages.py:3)\n")
    assert function_error_text("9f", error, redact=True) == "[Request ID: 9f] Server Error"
    assert function_error_text("9f", error, redact=False) == (
        "[Request ID: 9f] Server Error\nUncaught ValueError: no\n    at send (messages.py:3)\n"
    )


def test_what_one_side_writes_the_other_reads() -> None:
    message = Mutation(7, "m:x", [Raw(b'{"a":1}')])
    again = decode_client_message(encode_message(message))
    assert isinstance(again, Mutation)
    assert again.requestId == 7
    assert bytes(again.args[0]) == b'{"a":1}'
