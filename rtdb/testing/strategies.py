"""Hypothesis strategies for values, JSON and validators.

The distributions are chosen to collide: few letters, small numbers and the numbers around powers of two, so that equal
values, prefixes and near misses turn up often.
"""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from rtdb.schema.validators import (
    ArrayValidator,
    FieldValidator,
    IdValidator,
    LiteralValidator,
    ObjectValidator,
    RecordValidator,
    ScalarValidator,
    UnionValidator,
    Validator,
)
from rtdb.values.value import INT64_MAX, INT64_MIN, Int64, Value

__all__ = ["field_names", "floats", "int64s", "json_values", "scalars", "strings", "validators", "values"]


def int64s() -> st.SearchStrategy[Int64]:
    """Integers near every change of width, and anywhere."""
    edges = [sign * 2**bits + off for bits in (0, 7, 8, 15, 16, 31, 32, 62) for sign in (-1, 1) for off in (-1, 0, 1)]
    return st.one_of(st.sampled_from(edges), st.integers(INT64_MIN, INT64_MAX)).map(Int64)


def floats() -> st.SearchStrategy[float]:
    """Every float, NaNs with payloads included; small whole numbers often."""
    patterns = st.integers(0, 2**64 - 1).map(lambda bits: float(struct.unpack(">d", bits.to_bytes(8))[0]))
    return st.one_of(st.integers(-3, 3).map(float), st.floats(), patterns)


def strings() -> st.SearchStrategy[str]:
    """Short strings over letters that sort in surprising ways, and any others UTF-8 can hold."""
    return st.one_of(
        st.text("ab\0\x01\x7fé\uffff\U00010000", max_size=4),
        st.text(st.characters(codec="utf-8"), max_size=8),
    )


def field_names() -> st.SearchStrategy[str]:
    """Legal field names; one in a few is a common one or empty."""
    return st.one_of(
        st.sampled_from(["", "a", "b", "ab", "_id", "a.b"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=5).filter(lambda name: name[:1] != "$"),
    )


def scalars() -> st.SearchStrategy[Value]:
    """Values without parts. Floats only, no ints, so that what was encoded reads back equal."""
    data = st.one_of(st.binary(max_size=6), st.text("\0\x01\xff", max_size=3).map(lambda text: text.encode("latin-1")))
    return st.one_of(st.none(), st.booleans(), int64s(), floats(), strings(), data)


def values(max_leaves: int = 12) -> st.SearchStrategy[Value]:
    """Any value, nested."""
    return st.recursive(
        scalars(),
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(field_names(), inner, max_size=4)),
        max_leaves=max_leaves,
    )


def json_values() -> st.SearchStrategy[object]:
    """Parsed JSON as a hostile client may send it: special forms, right and wrong, in any place."""
    names = st.one_of(
        st.sampled_from(["$integer", "$float", "$bytes", "$set", "$undefined", "a", ""]), st.text(max_size=3)
    )
    contents = st.one_of(st.sampled_from(["AQAAAAAAAAA=", "AAAAAAAA+H8=", "AAAAAAAAIEA=", "AQ==", "!", ""]), st.text())
    leaves = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), contents
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=2)),
        max_leaves=10,
    )


def validators(tables: list[str], max_leaves: int = 8) -> st.SearchStrategy[Validator]:
    """Any validator, nested; ids are of ``tables``."""
    kinds = st.sampled_from(["any", "bigint", "boolean", "bytes", "null", "number", "string"])
    literals = st.one_of(
        st.booleans(), int64s(), st.sampled_from(["", "a", "b"]), st.sampled_from([0.0, -0.0, 1.0, 2.5])
    )
    leaves: st.SearchStrategy[Validator] = st.one_of(
        kinds.map(ScalarValidator),  # type: ignore[arg-type]  # they are the kinds it takes
        literals.map(LiteralValidator),
        st.sampled_from(tables).map(IdValidator),
    )
    keys: st.SearchStrategy[Validator] = st.one_of(
        st.just(ScalarValidator("string")), st.sampled_from(tables).map(IdValidator)
    )

    def containers(inner: st.SearchStrategy[Validator]) -> st.SearchStrategy[Validator]:
        fields = st.builds(FieldValidator, inner, st.booleans())
        return st.one_of(
            inner.map(ArrayValidator),
            st.builds(RecordValidator, keys, inner),
            st.lists(inner, max_size=3).map(lambda members: UnionValidator(tuple(members))),
            st.dictionaries(st.sampled_from(["a", "b", "c"]), fields, max_size=3).map(
                lambda found: ObjectValidator(dict(sorted(found.items())))
            ),
        )

    return st.recursive(leaves, containers, max_leaves=max_leaves)
