"""What the tests of files ask of a server: over HTTP, over a raw socket, and of its disk."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import httpx

from rtdb.auth.derived_key import UPLOAD_LABEL, derive_key
from rtdb.auth.instance_secret import load_instance_secret
from rtdb.blobstore.addresses import UploadTokens
from rtdb.clock import SystemClock, SystemRandom
from tests.e2e.server_process import ServerProcess
from tests.waiting import SECONDS_MAX

__all__ = ["FileServer", "code_of", "read_answer"]


def code_of(response: httpx.Response) -> tuple[int, str]:
    """Return status and code of an error."""
    body = response.json()
    assert body.keys() == {"code", "message"}
    assert body["message"]
    return response.status_code, body["code"]


class FileServer:
    """A server with the laboratory's functions of files."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.http = httpx.Client(timeout=600)

    def close(self) -> None:
        self.http.close()

    # --- functions ----------------------------------------------------------------------------------------------------

    def call(self, kind: str, function: str, **arguments: Any) -> Any:
        """Run a function and return its value, or the text of its error."""
        body = {"path": f"files:{function}", "args": arguments, "format": "json"}
        answer = self.http.post(f"{self.server.url}/api/{kind}", json=body).json()
        return answer["value"] if answer["status"] == "success" else answer["errorMessage"]

    def upload_url(self) -> str:
        url: str = self.call("mutation", "upload_url")
        return url

    def upload(self, content: Any, content_type: str | None = "text/plain") -> str:
        """Upload a file and return its id."""
        headers = {} if content_type is None else {"content-type": content_type}
        response = self.http.post(self.upload_url(), content=content, headers=headers)
        assert response.status_code == 200, response.text
        assert response.json().keys() == {"storageId"}
        storage_id: str = response.json()["storageId"]
        return storage_id

    def url(self, storage_id: str) -> str:
        url: str = self.call("query", "url", id=storage_id)
        return url

    def get(self, storage_id: str, **headers: str) -> httpx.Response:
        return self.http.get(self.url(storage_id), headers={name.replace("_", "-"): headers[name] for name in headers})

    def delete(self, storage_id: str) -> None:
        assert self.call("mutation", "delete", id=storage_id) is None

    # --- what no client can do ----------------------------------------------------------------------------------------

    def url_with_token_of(self, seconds_ago: float, instance_name: str = "rtdb", label: bytes = UPLOAD_LABEL) -> str:
        """Return an upload address that the server would have given out then."""
        secret = load_instance_secret(self.server.data_dir, SystemRandom())
        tokens = UploadTokens(derive_key(secret, label), instance_name)
        token = tokens.issue(SystemClock().now_ns() - int(seconds_ago * 1e9))
        return f"{self.server.url}/api/storage/upload?token={token}"

    def blobs(self) -> list[Path]:
        """Return the contents on the server's disk."""
        return [path for path in (self.server.data_dir / "blobs").glob("??/*") if path.is_file()]

    def incoming(self) -> list[Path]:
        """Return what is being uploaded, or has been left behind."""
        return list((self.server.data_dir / "blobs" / "incoming").iterdir())

    # --- raw sockets --------------------------------------------------------------------------------------------------

    def connect(self) -> socket.socket:
        url = httpx.URL(self.server.url)
        assert url.port is not None
        return socket.create_connection((url.host, url.port), timeout=SECONDS_MAX)

    def begin_upload(self, *headers: str) -> socket.socket:
        """Send the head of an upload, and nothing of its body."""
        url = httpx.URL(self.upload_url())
        connection = self.connect()
        head = [f"POST {url.raw_path.decode()} HTTP/1.1", f"Host: {url.host}:{url.port}", *headers, "", ""]
        connection.sendall("\r\n".join(head).encode())
        return connection


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    """Return status and body of the answer that comes, without waiting for the connection to end."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = connection.recv(65536)
        assert data, f"the connection ended after {received!r}"
        received += data
        if received.startswith(b"HTTP/1.1 100 "):
            received = received.partition(b"\r\n\r\n")[2]
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    (length,) = [int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")]
    while len(body) < length:
        body += connection.recv(65536)
    return int(lines[0].split()[1]), body
