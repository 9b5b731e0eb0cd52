"""The error type and the registry of codes.

Every error that may leave the server has a *code* that clients can match on (Convex's own short name where it has one),
an HTTP status, and whether trying again may help. A class is a family and fixes the status; the code is given when it
is raised, or is the family's default. Messages are for developers: what happened, to what, and what to do next.

Two groups matter to a caller:

* :class:`DeveloperError` and below are *outcomes of a function*: the app's code (or its caller's arguments) is to
  blame, the connection survives, HTTP answers 200 with ``{"status": "error"}``.
* everything else is a *system outcome*: HTTP answers with the status and ``{"code", "message"}``; a sync session ends
  the way its class says (sync-protocol §9.2).
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AlreadyRunningError",
    "ApplicationError",
    "BadRequestError",
    "ConfigurationError",
    "ConflictError",
    "ContentTooLargeError",
    "DataDirectoryError",
    "DeveloperError",
    "ForbiddenError",
    "InsufficientStorageError",
    "InternalError",
    "LimitError",
    "LogDivergedError",
    "LogTrimmedError",
    "NotFoundError",
    "OverloadedError",
    "PayloadTooLargeError",
    "RateLimitedError",
    "RtdbError",
    "SnapshotTooOldError",
    "StalePushError",
    "StorageError",
    "TimeoutExceededError",
    "UnauthenticatedError",
    "ValidationError",
    "WriteFailedError",
]


class RtdbError(Exception):
    """Base of every error this server raises on purpose.

    ``details`` are for the log, never for a client.
    """

    default_code: ClassVar[str] = "InternalServerError"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, code: str | None = None, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.details = details


class BadRequestError(RtdbError):
    """The caller sent something that cannot be understood or is not allowed by the protocol."""

    default_code = "BadRequest"
    http_status = 400


class UnauthenticatedError(RtdbError):
    """The credentials are missing, malformed or wrong."""

    default_code = "Unauthenticated"
    http_status = 401


class ForbiddenError(RtdbError):
    """The caller is known and may not do this."""

    default_code = "OperationNotPermitted"
    http_status = 403


class NotFoundError(RtdbError):
    """There is nothing under that name."""

    default_code = "NotFound"
    http_status = 404


class StalePushError(RtdbError):
    """What a push builds upon is not what is deployed (any more): it has to begin again."""

    default_code = "RaceDetected"
    http_status = 409


class ContentTooLargeError(RtdbError):
    """The body of a request is larger than is taken."""

    default_code = "ContentTooLarge"
    http_status = 413


class RateLimitedError(RtdbError):
    """A queue at its bound: the caller may try again later."""

    default_code = "TooManyConcurrentRequests"
    http_status = 429
    retryable = True


class PayloadTooLargeError(RtdbError):
    """A file is larger than files may be."""

    default_code = "FileTooLarge"
    http_status = 413


class InsufficientStorageError(RtdbError):
    """There is no room for this file; nothing of it was kept."""

    default_code = "StorageQuotaExceeded"
    http_status = 507


class OverloadedError(RtdbError):
    """The server cannot take this on now, through no fault of the caller."""

    default_code = "Overloaded"
    http_status = 503
    retryable = True


class ConflictError(RtdbError):
    """A mutation was still beaten by others when its time was up. Raised by the server only as a last resort."""

    default_code = "OptimisticConcurrencyControlFailure"
    http_status = 503
    retryable = True


class InternalError(RtdbError):
    """Our bug. The log has the detail; the client gets the generic sentence."""


class StorageError(RtdbError):
    """The disk or LMDB failed."""

    default_code = "StorageFailure"


class WriteFailedError(StorageError):
    """A write transaction could not be carried out (the disk is full, or failing); nothing of it was kept."""

    default_code = "WriteFailed"
    http_status = 503
    retryable = True


class LogDivergedError(StorageError):
    """The position asked about is not in the commit log's past: it, or this replica, belongs to another history."""

    default_code = "LogDiverged"


class LogTrimmedError(StorageError):
    """The blocks asked for are not kept any more: start from a backup."""

    default_code = "LogTrimmed"


class SnapshotTooOldError(RtdbError):
    """A read at a position that can no longer be gone back to (``undo_seconds``)."""

    default_code = "SnapshotTooOld"
    http_status = 400


class DataDirectoryError(RtdbError):
    """The data directory cannot be used as it is (newer format, wrong instance, damaged)."""

    default_code = "DataDirectoryUnusable"


class ConfigurationError(RtdbError):
    """The server cannot start with these settings; the message lists every one that is wrong."""

    default_code = "InvalidConfiguration"


class AlreadyRunningError(DataDirectoryError):
    """Another process holds this data directory."""

    default_code = "DataDirectoryInUse"


class DeveloperError(RtdbError):
    """An outcome of a function call: reported to its caller like an exception of the app's own code."""

    default_code = "FunctionError"
    http_status = 400


class ValidationError(DeveloperError):
    """A value does not match its validator (arguments, returns, documents)."""

    default_code = "ValidationError"


class LimitError(DeveloperError):
    """A per-function limit of data-model §8 was crossed."""

    default_code = "LimitExceeded"


class TimeoutExceededError(DeveloperError):
    """The function ran past its deadline and was stopped."""

    default_code = "FunctionTimedOut"


class ApplicationError(DeveloperError):
    """Base of the app's own coded error (``ConvexError``); its payload reaches the client even under redaction."""

    default_code = "ApplicationError"
