"""What a deploy has to do with environment variables: which it needs, and that they stay what its modules have seen."""

from __future__ import annotations

from blake3 import blake3

from rtdb.errors import DeveloperError
from rtdb.functions.description import Description
from rtdb.functions.environment_context import CLOUD_URL, SITE_URL
from rtdb.storage.system_tables import ENVIRONMENT_VARIABLES_TABLE
from rtdb.transaction.transaction import Transaction
from rtdb.values.json_codec import encode

__all__ = ["check_variables", "variables_seen"]


def variables_seen(transaction: Transaction) -> str:
    """Return a text that stands for all variables that are set, with their values."""
    return blake3(encode([[name, value] for name, value in sorted(_stored(transaction).items())])).hexdigest()


def check_variables(transaction: Transaction, description: Description, seen: str) -> None:
    """Raise unless the variables are those that the modules were evaluated with, and those are set that they need."""
    if variables_seen(transaction) != seen:
        raise DeveloperError("Environment variables have changed during push. Push again.", code="RaceDetected")
    there = {CLOUD_URL, SITE_URL, *_stored(transaction)}
    missing = [
        declared.name
        for declared in description.environment or ()
        if not declared.optional and declared.name not in there
    ]
    if missing:
        raise DeveloperError(
            f"Required environment variables are not set: {', '.join(missing)}. Set them with `npx convex env set` "
            "before pushing.",
            code="MissingEnvironmentVariables",
        )


def _stored(transaction: Transaction) -> dict[str, bytes]:
    """Return the variables that were set, by name; their values are sealed, equal ones equally."""
    documents = transaction.platform.scan(ENVIRONMENT_VARIABLES_TABLE, "by_creation_time")
    return {document["name"]: document["value"] for document in documents}
