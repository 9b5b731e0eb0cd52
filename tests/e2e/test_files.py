"""File storage of a real server: what is uploaded comes back, and every bad request gets its answer."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import httpx
import msgspec
import pytest

from rtdb.auth.derived_key import CURSOR_LABEL
from rtdb.blobstore.addresses import UPLOAD_SECONDS
from tests.e2e.conftest import LABORATORY, StartClient
from tests.e2e.file_server import FileServer, code_of, read_answer
from tests.e2e.server_process import ServerProcess
from tests.waiting import SECONDS_MAX, wait_until

NOWHERE = "00000000-0000-4000-8000-000000000000"

MakeServer = Callable[..., FileServer]


@pytest.fixture(scope="module")
def files(laboratory: ServerProcess) -> Iterator[FileServer]:
    server = FileServer(laboratory)
    yield server
    server.close()


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[MakeServer]:
    """``limited(name=value, …)`` starts a server with these limits."""
    started: list[FileServer] = []

    def start(**limits: float) -> FileServer:
        arguments = [text for name, value in limits.items() for text in ("--limit", f"{name}={value}")]
        server = ServerProcess(tmp_path / "data", LABORATORY, arguments).start()
        started.append(FileServer(server))
        return started[-1]

    yield start
    for server in started:
        server.close()
        server.server.kill()


# --- what goes in comes out -------------------------------------------------------------------------------------------


def test_the_three_steps_of_an_upload_with_the_official_clients(
    memberpulse: ServerProcess, start_client: StartClient
) -> None:
    client = start_client(memberpulse)
    watched = client.subscribe("files:list", {"organizationId": "acme"})
    watched.wait(lambda files: files == [])
    url = client.mutation("files:generateUploadUrl")
    response = httpx.post(url, content=b"\x89PNG...", headers={"content-type": "image/png"})
    storage_id = response.json()["storageId"]
    saved = {"fileName": "logo.png", "fileType": "image/png", "uploadedBy": "ada", "organizationId": "acme"}
    client.mutation("files:saveFile", {"storageId": storage_id, **saved})
    (file,) = watched.wait(lambda files: len(files) == 1)
    assert file["url"] == client.query("files:getFileUrl", {"storageId": storage_id})
    got = httpx.get(file["url"])
    assert (got.status_code, got.content, got.headers["content-type"]) == (200, b"\x89PNG...", "image/png")
    address = client.subscribe("files:getFileUrl", {"storageId": storage_id})
    address.wait(lambda shown: shown == file["url"])
    client.mutation("files:remove", {"fileId": file["_id"]})
    address.wait(lambda shown: shown is None)
    watched.wait(lambda files: files == [])
    assert code_of(httpx.get(file["url"])) == (404, "FileNotFound")


def test_a_file_is_described_to_the_app(files: FileServer) -> None:
    content = b"described"
    storage_id = files.upload(content, "text/plain; charset=utf-8")
    document = files.call("query", "document", id=storage_id)
    assert document == {
        "_id": storage_id,
        "_creationTime": document["_creationTime"],
        "sha256": b64encode(sha256(content).digest()).decode(),
        "size": len(content),
        "contentType": "text/plain; charset=utf-8",
    }
    url = files.url(storage_id)
    uuid = url.removeprefix(f"{files.server.url}/api/storage/")
    metadata = {
        "storageId": uuid,
        "sha256": sha256(content).hexdigest(),
        "size": len(content),
        "contentType": "text/plain; charset=utf-8",
    }
    assert files.call("query", "metadata", id=storage_id) == metadata
    # The UUID does everywhere what the id does.
    assert files.call("query", "metadata", id=uuid) == metadata
    assert files.url(uuid) == url
    assert document in files.call("query", "all")


def test_a_type_that_is_not_given_is_null(files: FileServer) -> None:
    for headers in ({}, {"content-type": ""}):
        response = files.http.post(files.upload_url(), content=b"typeless", headers=headers)
        storage_id = response.json()["storageId"]
        assert files.call("query", "document", id=storage_id)["contentType"] is None
        assert "content-type" not in files.get(storage_id).headers


@pytest.mark.parametrize("size", [0, 1, 65_536, 5_000_001])
def test_content_of_any_size_comes_back(files: FileServer, size: int) -> None:
    content = os.urandom(size)
    storage_id = files.upload(content)
    response = files.get(storage_id)
    assert (response.status_code, response.content) == (200, content)
    assert response.headers["content-length"] == str(size)
    assert response.headers["digest"] == "sha-256=" + b64encode(sha256(content).digest()).decode()


def test_a_file_may_come_in_chunks_of_unknown_number(files: FileServer) -> None:
    pieces = [os.urandom(size) for size in (1, 70_000, 0, 300_000)]
    storage_id = files.upload(iter(pieces))
    assert files.get(storage_id).content == b"".join(pieces)


def test_an_address_takes_any_number_of_files_and_equal_ones_are_stored_once(files: FileServer) -> None:
    url = files.upload_url()
    before = len(files.blobs())
    ids = {files.http.post(url, content=b"the same").json()["storageId"] for _ in range(3)}
    assert len(ids) == 3
    assert len({files.url(storage_id) for storage_id in ids}) == 3
    assert len(files.blobs()) == before + 1
    first, *others = ids
    files.delete(first)
    assert files.url(first) is None
    assert [files.get(storage_id).content for storage_id in others] == [b"the same"] * 2


def test_a_digest_is_checked_before_anything_is_stored(files: FileServer) -> None:
    right, wrong = (b64encode(sha256(content).digest()).decode() for content in (b"right", b"wrong"))
    url, before = files.upload_url(), files.blobs()
    response = files.http.post(url, content=b"right", headers={"digest": f"sha-256={wrong}"})
    assert code_of(response) == (400, "Sha256Mismatch")
    assert response.json()["message"] == f"Sha256 mismatch. Expected: {wrong} Actual: {right}"
    malformed = files.http.post(url, content=b"right", headers={"digest": "sha-256=abc"})
    assert code_of(malformed) == (400, "BadHeader")
    assert malformed.json()["message"].startswith("Bad header for digest: ")
    assert files.blobs() == before
    assert files.incoming() == []
    response = files.http.post(url, content=b"right", headers={"digest": f"sha-256={right}"})
    assert response.status_code == 200


# --- who may upload ---------------------------------------------------------------------------------------------------


def test_an_upload_needs_a_token_that_this_server_has_given_out_within_the_hour(files: FileServer) -> None:
    def refused(url: str) -> tuple[int, str]:
        return code_of(files.http.post(url, content=b"no"))

    base = files.server.url + "/api/storage/upload"
    before = files.blobs()
    assert refused(base) == (400, "BadQueryArgs")
    assert refused(base + "?token=") == (400, "BadQueryArgs")
    assert refused(base + "?token=zz") == (401, "StorageTokenInvalid")
    good = files.upload_url()
    forged = good[:-1] + ("0" if good[-1] != "0" else "1")
    assert refused(forged) == (401, "StorageTokenInvalid")
    assert refused(files.url_with_token_of(0, label=CURSOR_LABEL)) == (401, "StorageTokenInvalid")
    assert refused(files.url_with_token_of(0, "another-instance")) == (401, "InvalidStorageToken")
    assert refused(files.url_with_token_of(UPLOAD_SECONDS + 5)) == (401, "StorageTokenExpired")
    assert files.blobs() == before
    assert files.http.post(files.url_with_token_of(UPLOAD_SECONDS - 60), content=b"yes").status_code == 200


def test_an_address_that_has_been_used_is_refused_after_its_hour_all_the_same(files: FileServer) -> None:
    expired = files.url_with_token_of(UPLOAD_SECONDS + 5)
    for _ in range(2):
        response = files.http.post(expired, content=b"again")
        assert code_of(response) == (401, "StorageTokenExpired")
        assert response.json()["message"] == "Store File Authorization expired"


def test_a_page_of_another_origin_may_upload_and_read(files: FileServer) -> None:
    url = files.upload_url()
    asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
    preflight = files.http.options(url, headers={**asked, "access-control-request-headers": "content-type,digest"})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    assert preflight.headers["access-control-allow-headers"] == "content-type,digest"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    response = files.http.post(url, content=b"cross", headers={"origin": "https://app.example"})
    assert response.headers["access-control-allow-origin"] == "https://app.example"
    refused = files.http.post(url[:-2], content=b"cross", headers={"origin": "https://app.example"})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://app.example"
    read = files.get(response.json()["storageId"], origin="https://app.example")
    assert read.headers["access-control-allow-origin"] == "*"
    assert "content-range" in read.headers["access-control-expose-headers"]
    missing = files.http.get(f"{files.server.url}/api/storage/{NOWHERE}", headers={"origin": "https://app.example"})
    assert missing.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("step", ["find", "room", "keep", "condemn", "absolve"])
def test_no_client_reaches_the_steps_of_file_storage(files: FileServer, start_node: StartClient, step: str) -> None:
    path = f"_system/files:{step}"
    body = {"path": path, "args": {"uuid": NOWHERE}, "format": "json"}
    anybody = files.http.post(files.server.url + "/api/query", json=body)
    assert "not permitted" in anybody.text
    admin = {"authorization": f"Convex {files.server.admin_key}"}
    for route in ("function", "query", "mutation"):
        answer = files.http.post(f"{files.server.url}/api/{route}", json=body, headers=admin).json()
        assert answer["status"] == "error"
        assert "is a step that only the server itself may take" in answer["errorMessage"]
    client = start_node(files.server)
    client.act_as_admin(files.server.admin_key)
    for kind in ("query", "mutation"):
        with pytest.raises(Exception, match="only the server itself"):
            client.request(kind, path, {"uuid": NOWHERE})


# --- reading ----------------------------------------------------------------------------------------------------------

TEN = b"0123456789"


@pytest.fixture(scope="module")
def ten(files: FileServer) -> str:
    return files.upload(TEN, "application/pdf")


@pytest.mark.parametrize(
    ("asked", "status", "content", "content_range"),
    [
        ("bytes=2-5", 206, b"2345", "bytes 2-5/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=7-1000", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-1000", 206, TEN, "bytes 0-9/10"),
        ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=0-1,4-5", 416, b"", "bytes */10"),
        ("bytes=x-y", 200, TEN, None),
        ("bytes=5-2", 200, TEN, None),
        ("lines=1-2", 200, TEN, None),
    ],
)
def test_a_range_of_a_file(
    files: FileServer, ten: str, asked: str, status: int, content: bytes, content_range: str | None
) -> None:
    response = files.get(ten, range=asked)
    assert (response.status_code, response.content) == (status, content)
    assert response.headers.get("content-range") == content_range
    assert response.headers["content-length"] == str(len(content))
    assert response.headers["accept-ranges"] == "bytes"
    assert ("digest" in response.headers) == (status == 200)
    if status == 206:
        assert response.headers["content-type"] == "application/pdf"


def test_an_empty_file_has_no_ranges(files: FileServer) -> None:
    response = files.get(files.upload(b""), range="bytes=0-0")
    assert (response.status_code, response.content) == (200, b"")


def test_a_cache_may_keep_a_file_and_ask_whether_it_is_still_there(files: FileServer, ten: str) -> None:
    first = files.get(ten)
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "public, max-age=2592000, immutable"
    assert "vary" not in first.headers
    for condition in (etag, f'W/{etag}, "x"', "*"):
        again = files.get(ten, if_none_match=condition)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert again.headers["cache-control"] == first.headers["cache-control"]
    assert files.get(ten, if_none_match='"other"').status_code == 200
    # What is known already is not sent in part either.
    assert files.get(ten, if_none_match=etag, range="bytes=0-1").status_code == 304
    assert files.get(ten, if_range=etag, range="bytes=0-1").status_code == 206
    assert files.get(ten, if_range='"other"', range="bytes=0-1").content == TEN
    assert files.get(ten, if_range="Wed, 21 Oct 2015 07:28:00 GMT", range="bytes=0-1").content == TEN


def test_a_head_says_what_a_get_would(files: FileServer, ten: str) -> None:
    url = files.url(ten)
    got, head = files.http.get(url), files.http.head(url, headers={"range": "bytes=0-1"})
    assert (head.status_code, head.content) == (200, b"")
    ignored = {"date"}
    assert {k: v for k, v in head.headers.items() if k not in ignored} == {
        k: v for k, v in got.headers.items() if k not in ignored
    }
    assert files.http.head(f"{files.server.url}/api/storage/{NOWHERE}").status_code == 404


def test_what_a_browser_would_run_is_not_shown(files: FileServer) -> None:
    dispositions = {
        "text/html": "attachment",
        "image/svg+xml": "attachment",
        "image/png": "inline",
        "video/mp4": "inline",
    }
    for content_type, disposition in dispositions.items():
        response = files.get(files.upload(b"<script>alert(1)</script>", content_type))
        assert response.headers["content-disposition"] == disposition
        assert response.headers["x-content-type-options"] == "nosniff"
        assert ("content-security-policy" in response.headers) == (disposition == "attachment")


def test_what_is_no_file_says_so(files: FileServer, ten: str) -> None:
    def answer(path: str, method: str = "GET") -> tuple[int, str]:
        return code_of(files.http.request(method, files.server.url + path))

    assert answer("/api/storage/nonsense") == (400, "InvalidStoragePath")
    assert answer(f"/api/storage/{ten}") == (400, "InvalidStoragePath")  # the id is not the address
    assert answer("/api/storage/..%2F..%2Fadmin.key") == (400, "InvalidStoragePath")
    assert answer("/api/storage/") == (400, "InvalidStoragePath")
    assert answer(f"/api/storage/{NOWHERE}") == (404, "FileNotFound")
    assert answer(f"{files.url(ten).removeprefix(files.server.url)}?component=other") == (404, "FileNotFound")
    url = files.url(ten)
    assert files.http.get(url.upper().replace("HTTP", "http").replace("/API/STORAGE", "/api/storage")).content == TEN
    assert files.http.post(url).status_code == 405
    assert files.http.delete(url).status_code == 405
    assert answer("/api/storage/upload") == (400, "InvalidStoragePath")


# --- in functions -----------------------------------------------------------------------------------------------------


def test_a_deletion_is_a_part_of_its_mutation(files: FileServer) -> None:
    storage_id = files.upload(b"stays")
    assert "after all, no" in files.call("mutation", "delete_and_fail", id=storage_id)
    assert files.get(storage_id).content == b"stays"
    url = files.url(storage_id)
    files.delete(storage_id)
    assert code_of(files.http.get(url)) == (404, "FileNotFound")
    assert files.url(storage_id) is None
    assert files.call("query", "document", id=storage_id) is None
    assert f"storage id {storage_id} not found" in files.call("mutation", "delete", id=storage_id)


def test_an_id_that_is_none_is_explained(files: FileServer, ten: str) -> None:
    nonsense = files.call("query", "url", id="nonsense")
    assert (
        'Invalid argument `storageId` for `storage.getUrl`: Invalid storage ID: "nonsense". Storage ID should be an '
        "Id of '_storage' table, or a UUID string." in nonsense
    )
    assert "for `storage.delete`: Invalid storage ID" in files.call("mutation", "delete", id=5)
    assert "for `storage.getMetadata`: Invalid storage ID" in files.call("query", "metadata", id=None)
    assert files.url(NOWHERE) is None
    assert "System tables" in files.call("mutation", "delete_by_hand", id=ten)


def test_an_action_reads_what_a_client_has_uploaded_and_stores_for_clients_to_read(
    files: FileServer, start_client: StartClient
) -> None:
    client = start_client(files.server)
    storage_id = files.upload(bytes(100_000) + b"x" * 300_000, "image/png")
    assert client.request("action", "files:count", {"id": storage_id}) == 300_000
    copied = client.request("action", "files:copy", {"id": storage_id})
    response = files.get(copied)
    assert (response.content, response.headers["content-type"]) == (bytes(100_000) + b"x" * 300_000, "image/png")
    assert client.request("action", "files:count", {"id": NOWHERE}) is None


def test_an_http_action_passes_the_body_of_a_request_into_a_file_and_a_file_into_its_answer(files: FileServer) -> None:
    content = os.urandom(3_000_000)
    site = files.server.url + "/http/files"
    storage_id = files.http.post(site, content=content, headers={"content-type": "image/png"}).json()
    assert files.get(storage_id).content == content
    response = files.http.get(f"{site}/{storage_id}")
    assert (response.content, response.headers["content-type"]) == (content, "image/png")
    assert files.http.get(f"{site}/{NOWHERE}").status_code == 404


# --- limits -----------------------------------------------------------------------------------------------------------


def test_what_is_announced_too_large_is_refused_before_any_of_it_is_sent(limited: MakeServer) -> None:
    files = limited(file_bytes_max=1000, storage_bytes_max=1500)
    with files.begin_upload("Content-Length: 1001") as connection:
        status, body = read_answer(connection)
        assert (status, msgspec.json.decode(body)["code"]) == (413, "FileTooLarge")
    files.upload(bytes(1000))
    with files.begin_upload("Content-Length: 501", "Expect: 100-continue") as connection:
        status, body = read_answer(connection)
        assert (status, msgspec.json.decode(body)["code"]) == (507, "StorageQuotaExceeded")
    assert "storageId" in files.http.post(files.upload_url(), content=bytes(500)).json()


def test_what_turns_out_too_large_is_refused_as_soon_as_it_does(limited: MakeServer) -> None:
    files = limited(file_bytes_max=1000, storage_bytes_max=1500)
    files.upload(b"x" * 1000)
    for size, expected in [(501, (507, "StorageQuotaExceeded")), (1001, (413, "FileTooLarge"))]:
        with files.begin_upload("Transfer-Encoding: chunked") as connection:
            connection.sendall(b"%x\r\n" % size + b"y" * size + b"\r\n")  # and no end
            status, body = read_answer(connection)
            assert (status, msgspec.json.decode(body)["code"]) == expected
    assert len(files.blobs()) == 1
    wait_until(lambda: files.incoming() == [])


def test_a_client_that_does_not_stop_sending_has_its_answer_all_the_same(files: FileServer) -> None:
    """As browsers do: they read an answer when they have sent everything."""
    response = files.http.post(files.upload_url(), content=bytes(30 << 20))
    assert code_of(response) == (413, "FileTooLarge")
    # The connection is as good as new.
    assert files.http.post(files.upload_url(), content=b"small").status_code == 200


def test_an_upload_that_is_cut_leaves_nothing(files: FileServer) -> None:
    before = files.blobs()
    documents = files.call("query", "all")
    for headers, sent in [
        (["Content-Length: 1000000"], b"x" * 400_000),
        (["Transfer-Encoding: chunked"], b"61a80\r\n" + b"x" * 400_000 + b"\r\n"),
    ]:
        with files.begin_upload(*headers) as connection:
            connection.sendall(sent)
            wait_until(lambda: len(files.incoming()) == 1)
        wait_until(lambda: files.incoming() == [])
    assert files.blobs() == before
    assert files.call("query", "all") == documents


def test_a_client_that_falls_silent_is_given_up(limited: MakeServer) -> None:
    files = limited(upload_silence_seconds_max=0.5)
    with files.begin_upload("Content-Length: 1000") as connection:
        connection.sendall(b"x" * 10)
        assert read_answer(connection) == (408, b"")
    wait_until(lambda: files.incoming() == [])


def test_there_are_so_many_uploads_at_once_and_no_more(limited: MakeServer) -> None:
    files = limited(uploads_max=1)
    gateways = 2
    uploads = [files.begin_upload("Content-Length: 2") for _ in range(10 * gateways)]
    try:
        under_way = uploads
        while len(under_way) > gateways:
            # Only who is refused is answered before the body has come.
            answered, _, _ = select.select(under_way, [], [], SECONDS_MAX)
            assert answered
            for connection in answered:
                status, body = read_answer(connection)
                assert (status, msgspec.json.decode(body)["code"]) == (429, "TooManyConcurrentRequests")
            under_way = [connection for connection in under_way if connection not in answered]
        # So many connections reach every gateway.
        assert len(under_way) == gateways
        for connection in under_way:
            connection.sendall(b"ok")
            assert read_answer(connection)[0] == 200
    finally:
        for connection in uploads:
            connection.close()


# --- the collector ----------------------------------------------------------------------------------------------------


def test_content_goes_when_its_last_file_has_been_gone_for_the_grace_time(limited: MakeServer) -> None:
    files = limited(blob_grace_seconds=0.5, blob_pass_seconds=0.5)
    kept, first, second = files.upload(b"kept"), files.upload(b"going"), files.upload(b"going")
    (files.server.data_dir / "blobs" / "incoming" / "left").write_bytes(b"by a writer that was killed")
    files.delete(first)
    files.delete(second)
    wait_until(lambda: len(files.blobs()) == 1)
    wait_until(lambda: files.incoming() == [])
    assert files.get(kept).content == b"kept"
    # It can come back.
    assert files.get(files.upload(b"going")).content == b"going"


def test_a_file_is_still_there_after_a_restart(limited: MakeServer) -> None:
    files = limited()
    storage_id = files.upload(b"durable")
    files.server.stop()
    files.server.start()
    assert files.get(storage_id).content == b"durable"
    files.server.kill()
    files.server.start()
    assert files.get(storage_id).content == b"durable"


def test_an_upload_under_way_is_finished_when_the_server_is_stopped(limited: MakeServer) -> None:
    files = limited()
    with files.begin_upload("Content-Length: 10", "Content-Type: text/plain") as connection:
        connection.sendall(b"01234")
        wait_until(lambda: len(files.incoming()) == 1)
        with ThreadPoolExecutor(1) as executor:
            stopped = executor.submit(files.server.stop)
            wait_until(lambda: "draining" in files.server.log)
            connection.sendall(b"56789")
            status, body = read_answer(connection)
            assert stopped.result() == 0
    assert status == 200, body
    files.server.start()
    assert files.get(msgspec.json.decode(body)["storageId"]).content == TEN


def test_rtdb_check_reads_the_content_of_files_beside_a_server_that_runs(limited: MakeServer) -> None:
    files = limited()
    kept, damaged = files.upload(b"kept"), files.upload(b"damaged")
    checking = [sys.executable, "-m", "rtdb.cli.main", "check", "--data-dir", str(files.server.data_dir)]

    def check() -> tuple[int, str]:
        done = subprocess.run(
            checking, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "999"}
        )
        return done.returncode, done.stdout

    code, said = check()
    assert code == 0, said
    assert "2 files with 2 different contents (11 bytes)" in said
    files.delete(kept)
    code, said = check()
    assert code == 0, said
    assert "1 contents (4 bytes) are of no file any more: a running server removes them in time." in said
    (path,) = [path for path in files.blobs() if path.read_bytes() == b"damaged"]
    path.chmod(0o600)
    path.write_bytes(b"damagee")
    code, said = check()
    assert code == 1
    assert f"Content {path.name} is damaged: its hash is " in said
    path.unlink()
    code, said = check()
    assert code == 1
    assert f"Content {path.name} is missing: {path} does not exist." in said
    # The server says no more than that something is wrong.
    response = files.get(damaged)
    assert (response.status_code, response.json()["code"]) == (500, "InternalServerError")
    assert path.name in files.server.log
