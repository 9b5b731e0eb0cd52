"""Who may set the fields that begin with an underscore: only the platform (data-model §3.6).

``_id`` and ``_creationTime`` may be given back as they are, in a patch or replacement; nothing else with an underscore
may be a top-level field.
"""

from __future__ import annotations

from typing import Any

from rtdb.errors import DeveloperError
from rtdb.values.value import UNDEFINED, display

__all__ = ["check_no_system_fields", "check_system_field"]

Document = dict[str, Any]


def check_no_system_fields(value: Document, document: Document) -> None:
    """Refuse system fields in a document to be inserted; ``document`` has the ones it gets.

    One that is UNDEFINED is absent: that is how apps insert a copy of a document.
    """
    for name, field in value.items():
        if not (isinstance(name, str) and name.startswith("_")) or field is UNDEFINED:
            continue
        if name == "_id":
            raise _wrong_id(document["_id"], field)
        if name == "_creationTime":
            raise _wrong_creation_time(document[name], value)
        raise _underscore(name, value)


def check_system_field(name: str, field: Any, document: Document) -> None:
    """Accept a system field that is given as it already is."""
    if name not in ("_id", "_creationTime"):
        raise _underscore(name, {**document, name: field})
    if type(field) in (str, float, int) and field == document[name]:
        return
    if name == "_id":
        raise _wrong_id(document["_id"], field)
    raise _wrong_creation_time(document[name], {**document, name: field})


def _wrong_id(id: str, given: Any) -> DeveloperError:
    return DeveloperError(
        f"Provided document ID {id} doesn't match '_id' field {display(given)}", code="InvalidIdError"
    )


def _wrong_creation_time(time: float, value: Document) -> DeveloperError:
    return DeveloperError(
        f"Provided creation time {display(time)} doesn't match '_creationTime' field in {display(value)}",
        code="InvalidCreationTimeError",
    )


def _underscore(name: str, value: Document) -> DeveloperError:
    return DeveloperError(
        f"Document(value: {display(value)}) isn't a valid document: Field '{name}' starts with an underscore, which is "
        "only allowed for system fields like '_id'",
        code="InvalidDocumentError",
    )
