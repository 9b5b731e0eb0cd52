from __future__ import annotations

import pytest

from rtdb.blobstore.addresses import UPLOAD_SECONDS, FileAddresses, UploadTokens, parse_uuid
from rtdb.errors import UnauthenticatedError

KEY = bytes(range(16))
NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000

tokens = UploadTokens(KEY, "happy-animal-1")


def code_of(token: str, now_ns: int = NOW, *, given_out_by: UploadTokens = tokens) -> str:
    with pytest.raises(UnauthenticatedError) as raised:
        given_out_by.check(token, now_ns)
    return raised.value.code


def test_a_token_is_good_for_an_hour_and_not_a_second_longer() -> None:
    token = tokens.issue(NOW)
    tokens.check(token, NOW)
    tokens.check(token, NOW + UPLOAD_SECONDS * SECOND)
    assert code_of(token, NOW + (UPLOAD_SECONDS + 1) * SECOND) == "StorageTokenExpired"
    # A transaction's time may lie a little ahead of the clock that checks.
    tokens.check(token, NOW - 5 * SECOND)


def test_a_token_cannot_be_made_up_or_changed() -> None:
    token = tokens.issue(NOW)
    forged = [token[:-2] + f"{int(token[-2:], 16) ^ 1:02x}", token[:10] + "00" + token[12:], "02" + token[2:]]
    for text in [*forged, "", "0", "zz", "01", "01" + "00" * 40, token + "00", "é" * 10]:
        assert code_of(text) == "StorageTokenInvalid", text
    assert code_of(UploadTokens(bytes(16), "happy-animal-1").issue(NOW)) == "StorageTokenInvalid"


def test_a_token_belongs_to_one_deployment() -> None:
    assert code_of(UploadTokens(KEY, "sad-animal-2").issue(NOW)) == "InvalidStorageToken"


def test_addresses_begin_with_the_origin() -> None:
    addresses = FileAddresses("https://db.example.com/base", tokens)
    assert addresses.file_url("u") == "https://db.example.com/base/api/storage/u"
    url, _, token = addresses.upload_url(NOW).partition("?token=")
    assert url == "https://db.example.com/base/api/storage/upload"
    tokens.check(token, NOW)
    assert bytes.fromhex(token)


@pytest.mark.parametrize(
    ("text", "uuid"),
    [
        ("6F9619FF-8B86-D011-B42D-00C04FC964FF", "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
        ("6f9619ff8b86d011b42d00c04fc964ff", "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
        ("6f9619ff-8b86-d011-b42d-00c04fc964f", None),
        ("kg2ch8s6wsdzvkefhzacfjvyvd85r1f1", None),
        ("6f9619ff-8b86-d011-b42d-00c04fc964ff/", None),
        ("", None),
    ],
)
def test_a_uuid_is_read_in_its_spellings(text: str, uuid: str | None) -> None:
    assert parse_uuid(text) == uuid
