"""The tutorial: everybody sees what anybody says, and a dictionary that the server asks answers in the room."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.e2e.conftest import StartClient
from tests.e2e.convex_cli.command_line import CommandLine
from tests.e2e.server_process import ServerProcess

MEANINGS = {"entropy": "What grows by itself."}


class Dictionary(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        (word,) = parse_qs(urlsplit(self.path).query)["word"]
        body = json.dumps({"meaning": MEANINGS[word]} if word in MEANINGS else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def dictionary() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Dictionary) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{service.server_address[1]}/look-up"
        service.shutdown()


def test_everybody_sees_what_is_said_and_what_it_means(
    demo: ServerProcess, project: CommandLine, dictionary: str, start_client: StartClient
) -> None:
    # The address is known to the project by its environment, as an API key would be.
    assert project.run("env", "set", "DICTIONARY_URL", dictionary).code == 0
    ada, grace = start_client(demo), start_client(demo)
    seen = grace.subscribe("chat:latest")
    seen.wait(lambda lines: isinstance(lines, list))
    ada.mutation("chat:say", {"author": "Ada", "body": "Good morning"})
    seen.wait(lambda lines: lines[-1:] == ["Ada: Good morning"])
    grace.mutation("chat:say", {"author": "Grace", "body": "/define entropy"})
    seen.wait(lambda lines: lines[-2:] == ["Grace: /define entropy", "Dictionary: What grows by itself."])
    ada.mutation("chat:say", {"author": "Ada", "body": "/define zyzzyva"})
    seen.wait(lambda lines: lines[-1:] == ["Dictionary: I do not know “zyzzyva”."])
