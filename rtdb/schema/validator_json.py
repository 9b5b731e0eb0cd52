"""Validators from their JSON (data-model §4.1), which a deploy sends and a stored schema holds.

Invariants: ``validator_from_json(x.to_json()) == x``; no input raises anything but :class:`BadRequestError`.
"""

from __future__ import annotations

from typing import Any, Final, cast, get_args

import msgspec

from rtdb.errors import BadRequestError
from rtdb.schema.validators import ScalarKind, ScalarValidator, Validator, v
from rtdb.values.json_codec import decode

__all__ = ["validator_from_json"]

_SCALAR_KINDS: Final = frozenset(get_args(ScalarKind))


def validator_from_json(source: object) -> Validator:
    """Return the validator of which ``source`` is the (parsed) JSON. Raises :class:`BadRequestError`."""
    try:
        return _validator(source)
    except (KeyError, TypeError, AttributeError) as error:
        raise _invalid(f"Not the JSON of a validator: {error!r}.") from error
    except RecursionError:
        raise _invalid("Not the JSON of a validator: too nested.") from None


def _validator(source: Any) -> Validator:
    kind = source["type"]
    match kind:
        case "map" | "set":
            # Retired types, still found in old apps.
            return v.any()
        case "id":
            return v.id(source["tableName"])
        case "literal":
            return v.literal(_literal(source["value"]))
        case "array":
            return v.array(_validator(source["value"]))
        case "record":
            return v.record(_validator(source["keys"]), _field(source["values"]))
        case "union":
            return v.union(*map(_validator, source["value"]))
        case "object":
            return v.object({name: _field(field) for name, field in source["value"].items()})
        case str() if kind in _SCALAR_KINDS:
            return ScalarValidator(cast(ScalarKind, kind))
        case _:
            raise _invalid(f"There is no validator of type {kind!r}.")


def _field(source: Any) -> Any:
    validator = _validator(source["fieldType"])
    return v.optional(validator) if source["optional"] else validator


def _literal(encoded: object) -> Any:
    # What is no literal is for `v.literal` to refuse.
    return decode(msgspec.json.encode(encoded))


def _invalid(message: str) -> BadRequestError:
    return BadRequestError(message, code="InvalidValidator")
