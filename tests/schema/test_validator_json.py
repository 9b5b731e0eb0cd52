from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from rtdb.errors import BadRequestError
from rtdb.schema.validator_json import validator_from_json
from rtdb.schema.validators import v
from rtdb.testing.strategies import json_values


@given(json_values())
def test_json_that_is_no_validator_is_a_bad_request(source: object) -> None:
    for wrapped in (
        source,
        {"type": source},
        {"type": "object", "value": source},
        {"type": "literal", "value": source},
    ):
        try:
            validator_from_json(wrapped)
        except BadRequestError:
            continue


def test_a_bottomless_validator_is_a_bad_request() -> None:
    source: dict[str, Any] = {"type": "any"}
    for _ in range(100_000):
        source = {"type": "array", "value": source}
    with pytest.raises(BadRequestError, match="too nested"):
        validator_from_json(source)


@pytest.mark.parametrize("kind", ["map", "set"])
def test_retired_types_are_read_as_any(kind: str) -> None:
    assert validator_from_json({"type": kind}) == v.any()
