"""Credentials into identities, for HTTP requests (http-api §5) and for sync sessions (sync-protocol §3.2).

An HTTP request carries an ``Authorization`` header, else an ``adminKey`` parameter, else nothing; a session says of
each token what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import parse_qs

from rtdb.auth.admin_key import AdminKeys
from rtdb.auth.identity import ANONYMOUS, Identity
from rtdb.errors import BadRequestError, UnauthenticatedError

__all__ = ["Authenticator", "Credentials", "NoAuthProviders"]

SHORTEST_HEADER_CHARACTERS = 7


class Authenticator(Protocol):
    """Verifies user tokens."""

    async def verify_token(self, token: str) -> Identity:
        """Return the user's identity; raises as http-api §9.4 says."""
        ...


class NoAuthProviders:
    """The authenticator of a deployment that configures none."""

    def __init__(self, *, redact_errors: bool) -> None:
        self._redact_errors = redact_errors

    async def verify_token(self, token: str) -> Identity:
        if len(token.split(".")) != 3:
            raise UnauthenticatedError(
                "Could not parse JWT payload. Check that the token is a valid JWT format with three base64-encoded"
                " parts separated by dots.",
                code="InvalidAuthHeader",
            )
        detail = "" if self._redact_errors else " (no providers configured). Check convex/auth.config.ts."
        raise UnauthenticatedError(f"No auth provider found matching the given token{detail}", code="NoAuthProvider")


class Credentials:
    """Turns what a request carries into an identity."""

    def __init__(self, admin_keys: AdminKeys, authenticator: Authenticator) -> None:
        self._admin_keys = admin_keys
        self._authenticator = authenticator

    async def identify(self, authorization: bytes | None, query_string: bytes) -> Identity:
        """Return who is asking. Raises 400 for a header of no known form, 401 for a wrong key or token."""
        if authorization is None:
            if b"adminKey=" in query_string:
                values: Sequence[str] = parse_qs(query_string.decode("latin-1")).get("adminKey", ())
                if values:
                    return self._admin_keys.verify_header(values[0])
            return ANONYMOUS
        header = authorization.decode("latin-1")
        if len(header) < SHORTEST_HEADER_CHARACTERS:
            raise BadRequestError("Invalid authorization header", code="InvalidHeaderFailure")
        scheme = header[:7].lower()
        if scheme == "bearer ":
            return await self._authenticator.verify_token(header[7:].strip())
        if scheme == "convex ":
            return self._admin_keys.verify_header(header[7:].strip())
        raise BadRequestError("Invalid admin key", code="InvalidAdminKey")

    def verify_admin(self, key: str, impersonating: dict[str, object] | None) -> Identity:
        """Return the identity of an admin key sent over a session, acting as a user if asked to."""
        if impersonating is None:
            return self._admin_keys.verify(key)
        return self._admin_keys.verify_impersonating(key, impersonating)

    async def verify_user(self, token: str) -> Identity:
        """Return the identity of a user token sent over a session."""
        return await self._authenticator.verify_token(token)
