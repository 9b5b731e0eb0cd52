"""``rtdb run``: call one function of a running server over its HTTP API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from rtdb.cli.output import fail, messages, results
from rtdb.cli.target import key_from, require_key
from rtdb.errors import ConfigurationError

__all__ = ["run"]

REQUEST_SECONDS_MAX = 310.0
"""A little over the longest a server may take, so that it is the server that says what was too slow."""


def run(
    path: Annotated[str, typer.Argument(help="Which function, as in notifications:list.", metavar="MODULE:NAME")],
    args: Annotated[
        str, typer.Argument(help="Its named arguments as a JSON object.", metavar="JSON", show_default=False)
    ] = "{}",
    url: Annotated[
        str, typer.Option(help="Where the server is.", envvar="RTDB_URL", show_envvar=True)
    ] = "http://127.0.0.1:3210",
    admin_key: Annotated[
        str | None,
        typer.Option(
            help="Call as an administrator, which internal functions need.",
            envvar="RTDB_ADMIN_KEY",
            show_envvar=True,
            metavar="KEY",
        ),
    ] = None,
    admin_key_file: Annotated[
        Path | None,
        typer.Option(help="Read that key from a file.", metavar="FILE", exists=True, dir_okay=False),
    ] = None,
) -> None:
    """Call a query, mutation or action and print what it returns.

    For example: rtdb run notifications:list '{"userId": "ada"}'
    """
    if not url.startswith(("http://", "https://")):
        fail(f"{url} is not the address of a server; write it as in http://127.0.0.1:3210")
    answer = _post(url.rstrip("/"), path, _parse_arguments(args), _key(admin_key, admin_key_file))
    for line in answer.get("logLines", []):
        messages.print(line, style="dim", markup=False)
    if answer.get("status") != "success":
        message = str(answer.get("errorMessage", answer))
        if message.endswith("] Server Error"):
            message += ": this server does not tell clients why; its log does, under this request id."
        fail(f"{path} failed: {message}")
    results.print_json(data=answer.get("value"))


def _key(given: str | None, file: Path | None) -> str | None:
    try:
        key = key_from(given, file)
        return None if key is None else require_key(key)
    except ConfigurationError as error:
        fail(error)


def _parse_arguments(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text)
    except ValueError as error:
        fail(f'the arguments are not JSON ({error}); write them as in \'{{"userId": "ada"}}\'')
    if not isinstance(arguments, dict):
        fail('the arguments are not a JSON object; write them by name, as in \'{"userId": "ada"}\'')
    return arguments


def _post(url: str, path: str, arguments: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Return the function's answer. Anyone may use /api/run; /api/function is the administrator's door."""
    body = {"args": arguments, "format": "json"}
    if key is None:
        module, _, name = path.rpartition(":")
        route, headers = f"/api/run/{module or path}/{name if module else 'default'}", {}
    else:
        route, headers = "/api/function", {"Authorization": f"Convex {key}"}
        body["path"] = path
    try:
        response = httpx.post(url + route, json=body, headers=headers, timeout=REQUEST_SECONDS_MAX)
        answer = response.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(f"no answer from {url} ({error}); is the server running there?")
    except ValueError:
        fail(f"{url} answered {response.status_code} with something other than JSON; is it an rtdb server?")
    if response.is_error or not isinstance(answer, dict):
        reason = answer.get("message", answer) if isinstance(answer, dict) else answer
        fail(f"{url} refused the call ({response.status_code}): {reason}")
    return answer
