"""Identity: the answer to "who is asking", as functions and permission checks need it.

Invariants: an identity is immutable; ``attributes`` is the encoded JSON object that ``getUserIdentity()`` reports and
always holds ``tokenIdentifier``; it is present exactly for users and impersonated users. Only these bytes, and
whether internal functions may be found, travel to the hub: two callers with equal bytes share query results.

This module does not know how a caller proved who they are.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

import msgspec

from rtdb.errors import BadRequestError, ForbiddenError
from rtdb.link.frames import RequestKind
from rtdb.values.function_path import SYSTEM_PREFIX

__all__ = [
    "ANONYMOUS",
    "READ_ONLY_OPERATIONS",
    "Identity",
    "IdentityKind",
    "admin_identity",
    "impersonated_identity",
    "user_identity",
]

READ_ONLY_OPERATIONS: Final = (
    "ViewEnvironmentVariables",
    "ViewLogs",
    "ViewMetrics",
    "ViewIntegrations",
    "ViewData",
    "ViewBackups",
    "DownloadBackups",
    "RunInternalQueries",
    "RunTestQuery",
    "ViewAuditLog",
    "ViewUsageLimits",
    "ViewUsage",
)
"""What a read-only key may do (http-api §10.3)."""


class IdentityKind(Enum):
    """How the caller is known."""

    ANONYMOUS = "anonymous"
    USER = "user"
    ADMIN = "admin"
    IMPERSONATED = "impersonated"
    """An admin who acts as a user."""


class Identity(msgspec.Struct, frozen=True):
    """Who is asking, and what they may do."""

    kind: IdentityKind
    attributes: bytes | None = None
    read_only: bool = False
    """An admin key that may look but not touch."""
    expires_ns: int | None = None
    """When a user token ends, nanoseconds since the Unix epoch; None: it does not."""

    @property
    def internal(self) -> bool:
        """Whether internal functions may be found (http-api §5)."""
        return self.kind in {IdentityKind.ADMIN, IdentityKind.IMPERSONATED}

    @property
    def is_admin(self) -> bool:
        """Whether the caller is an admin in their own name; acting as a user does not count."""
        return self.kind is IdentityKind.ADMIN

    def require_admin(self) -> None:
        """Raise the error of an admin-only endpoint unless this is an admin key."""
        if not self.internal:
            raise ForbiddenError(
                "The provided deploy key was invalid for this deployment. Double check that the environment this"
                " key was generated for matches the desired deployment.",
                code="BadDeployKey",
            )

    def require_operation(self, operation: str) -> None:
        """Raise unless this is an admin, in their own name, whose key allows the operation."""
        self.require_admin()
        if not self.is_admin or (self.read_only and operation not in READ_ONLY_OPERATIONS):
            raise ForbiddenError(
                f"You do not have permission to perform this operation ({operation}).", code="OperationNotPermitted"
            )

    def require_permitted(self, kind: RequestKind, path: str) -> None:
        """Raise the error of a call this caller may not make at all, before any function is looked up.

        This is about system functions and read-only keys (http-api §5, sync-protocol §9.3); whether an internal
        function is *found* is decided where functions are looked up.
        """
        if path.startswith(SYSTEM_PREFIX) and not self.is_admin:
            # The second sentence begins as the official command line expects: it prints such a one and ends.
            raise ForbiddenError(
                f"Operation {kind} not permitted. You do not have permission to perform this operation: functions of "
                "the server are for administrators. Is the admin key right?",
                code="SystemIdentityRequired",
            )
        if self.read_only and kind != "query":
            raise ForbiddenError(f"Operation {kind} not permitted", code="OperationNotPermitted")


ANONYMOUS = Identity(IdentityKind.ANONYMOUS)

_encoder = msgspec.json.Encoder(order="sorted")


def _with_token_identifier(attributes: dict[str, Any]) -> dict[str, Any] | None:
    """Return the attributes with ``tokenIdentifier`` present, or None if it cannot be derived."""
    if isinstance(attributes.get("tokenIdentifier"), str):
        return attributes
    issuer, subject = attributes.get("issuer"), attributes.get("subject")
    if isinstance(issuer, str) and isinstance(subject, str):
        return {**attributes, "tokenIdentifier": f"{issuer}|{subject}"}
    return None


def user_identity(attributes: dict[str, Any], *, expires_ns: int | None) -> Identity:
    """Return the identity of a user whose token was verified; attributes need ``issuer`` and ``subject``."""
    complete = _with_token_identifier(attributes)
    assert complete is not None, "a verified token has an issuer and a subject"
    return Identity(IdentityKind.USER, _encoder.encode(complete), expires_ns=expires_ns)


def admin_identity(*, read_only: bool) -> Identity:
    """Return the identity of an admin key's holder."""
    return Identity(IdentityKind.ADMIN, read_only=read_only)


def impersonated_identity(attributes: dict[str, Any], *, read_only: bool) -> Identity:
    """Return the identity of an admin acting as a user with these attributes; unknown keys are custom claims.

    Raises ``HeaderParseFailure`` when the attributes do not name a user, ``OperationNotPermitted`` for a read-only
    key.
    """
    complete = _with_token_identifier(attributes)
    if complete is None:
        raise BadRequestError(
            "Invalid identity attributes: either `tokenIdentifier` or both `issuer` and `subject` are needed",
            code="HeaderParseFailure",
        )
    if read_only:
        raise ForbiddenError("This admin key is read-only: it may not act as a user", code="OperationNotPermitted")
    return Identity(IdentityKind.IMPERSONATED, _encoder.encode(complete))
