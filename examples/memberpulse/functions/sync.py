"""What happens here is told to the main application: events are forwarded to Symfony, signed.

The environment variable ``SYMFONY_WEBHOOK_URL`` is where to, ``SYMFONY_WEBHOOK_SECRET`` what to sign with. Whoever can
reach this route can have events signed: let only those reach it that may.
"""

from __future__ import annotations

import json

import httpx

from rtdb import ActionContext, Request, Response, http_action, sign_webhook
from rtdb.errors import DeveloperError

UPSTREAM_SECONDS_MAX = 15


@http_action
async def sync_to_symfony(ctx: ActionContext, request: Request) -> Response:
    """Forward ``{"event": …, "data": …}`` and answer with Symfony's status."""
    try:
        message = await request.json()
    except ValueError as error:
        return problem(400, "InvalidJson", str(error))
    if not isinstance(message, dict) or not isinstance(message.get("event"), str):
        return problem(400, "InvalidEvent", 'An event is {"event": "a name", "data": …}.')
    url, secret = ctx.env.get("SYMFONY_WEBHOOK_URL"), ctx.env.get("SYMFONY_WEBHOOK_SECRET")
    if not url or not secret:
        missing = "SYMFONY_WEBHOOK_SECRET" if url else "SYMFONY_WEBHOOK_URL"
        return problem(503, "WebhookNotConfigured", f"{missing} is not set: rtdb env set {missing} …")
    body = json.dumps({"event": message["event"], "data": message.get("data")}, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "X-Convex-Signature": sign_webhook(body, secret, now=ctx.now())}
    try:
        # A redirect is an answer too: what was signed for one address is not sent to another.
        upstream = await ctx.fetch(
            url, method="POST", headers=headers, content=body, timeout=UPSTREAM_SECONDS_MAX, follow_redirects=False
        )
    except httpx.InvalidURL as error:
        return problem(503, "WebhookNotConfigured", f"SYMFONY_WEBHOOK_URL is not an address: {error}")
    except httpx.HTTPError as error:
        print("Symfony was not reached:", type(error).__name__, error)
        return problem(502, "SymfonyUnreachable", "Symfony could not be reached. Send the event again later.")
    except DeveloperError as error:
        if error.code == "FetchAddressRefused":
            return problem(503, "WebhookNotConfigured", f"SYMFONY_WEBHOOK_URL: {error}")
        print("Symfony did not answer:", error)
        return problem(504, "SymfonyTimedOut", "Symfony did not answer in time. It may have taken the event.")
    if not 200 <= upstream.status_code <= 599:
        return problem(502, "SymfonyUnreachable", f"Symfony answered with the status {upstream.status_code}.")
    return Response(None, status=upstream.status_code)


def problem(status: int, code: str, message: str) -> Response:
    return Response.json({"code": code, "message": message}, status)
