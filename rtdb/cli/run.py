"""``rtdb run``: call one function of a running server over its HTTP API."""

from __future__ import annotations

import json
from typing import Annotated, Any

import httpx
import typer

from rtdb.cli.admin_client import check_name
from rtdb.cli.deploy import AdminKeyFileOption, AdminKeyOption, EnvFileOption, UrlOption, target_of
from rtdb.cli.output import fail, messages, results
from rtdb.cli.target import Target

__all__ = ["run"]

REQUEST_SECONDS_MAX = 310.0
"""A little over the longest a server may take, so that it is the server that says what was too slow."""


def run(
    path: Annotated[str, typer.Argument(help="Which function, as in notifications:list.", metavar="MODULE:NAME")],
    args: Annotated[
        str, typer.Argument(help="Its named arguments as a JSON object.", metavar="JSON", show_default=False)
    ] = "{}",
    url: UrlOption = None,
    admin_key: AdminKeyOption = None,
    admin_key_file: AdminKeyFileOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Call a query, mutation or action and print what it returns.

    For example: rtdb run notifications:list '{"userId": "ada"}'

    With an admin key it calls as an administrator, which internal functions need; public ones need none.
    """
    arguments = _parse_arguments(args)
    target = target_of(url, admin_key, env_file, admin_key_file, key_needed=False)
    answer = _post(target, path, arguments)
    for line in answer.get("logLines", []):
        messages.print(line, style="dim", markup=False)
    if answer.get("status") != "success":
        message = str(answer.get("errorMessage", answer))
        if message.endswith("] Server Error"):
            message += ": this server does not tell clients why; its log does, under this request id."
        if not target.admin_key and "Could not find public function" in message:
            message = message.rstrip() + "\nIf it is an internal function, call it with --admin-key-file."
        fail(f"{path} failed: {message}")
    results.print_json(data=answer.get("value"))


def _parse_arguments(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text)
    except ValueError as error:
        fail(f'the arguments are not JSON ({error}); write them as in \'{{"userId": "ada"}}\'')
    if not isinstance(arguments, dict):
        fail('the arguments are not a JSON object; write them by name, as in \'{"userId": "ada"}\'')
    return arguments


def _post(target: Target, path: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the function's answer. Anyone may use /api/run; /api/function is the administrator's door."""
    url = target.url
    body = {"args": arguments, "format": "json"}
    if target.admin_key:
        route, headers = "/api/function", {"Authorization": f"Convex {target.admin_key}"}
        body["path"] = path
    else:
        module, _, name = path.rpartition(":")
        route, headers = f"/api/run/{module or path}/{name if module else 'default'}", {}
    try:
        if target.name is not None:
            with httpx.Client(base_url=url) as client:
                mismatch = check_name(client, target)
            if mismatch is not None:
                fail(mismatch)
        response = httpx.post(url + route, json=body, headers=headers, timeout=REQUEST_SECONDS_MAX)
        answer = response.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(f"no answer from {url} ({error}); is the server running there?")
    except UnicodeEncodeError:
        fail("the arguments are not text in UTF-8")
    except ValueError:
        fail(f"{url} answered {response.status_code} with something other than JSON; is it an rtdb server?")
    if response.is_error or not isinstance(answer, dict):
        reason = answer.get("message", answer) if isinstance(answer, dict) else answer
        fail(f"{url} refused the call ({response.status_code}): {reason}")
    return answer
