"""Random programs: transactions of reads and writes, as JSON that both interpreters understand.

The differences between convex-test and the reference that programs stay clear of; what is kept out is kept out for one
of these reasons:

==================================  ====================================================================================
convex-test                         the reference (data-model §), which rtdb follows
==================================  ====================================================================================
compares with ``<`` and ``>`` of    values of all types have one order, in filters too (§5.3). So operands of ``lt``,
JavaScript in filters               ``lte``, ``gt`` and ``gte`` are numbers here, or ASCII strings.
takes any value for true or false   operands of ``and``, ``or`` and ``not`` are booleans (§5.3); here: comparisons.
computes with any value, and has    operands of arithmetic are two numbers of one type (§5.3); here: float64s.
no ``neg``
keeps a field that a patch removes  the field is gone (§4.2). So patches here remove optional fields only.
as a key, and validates the key
ends a list as soon as a page       a full page does not look whether anything follows (§5.6.1). So a list is read no
holds its last row                  further once convex-test has ended it; ours must not end before.
goes on counting the rows read      the maxima are ignored where the end is given (§5.6.1). So pages that are read
where ``endCursor`` is given        again, to the end they had, have none.
takes the cursor of any query       another query's cursor is refused (§5.6.3). So a list is of one query throughout.
has ids that sort by time           ids are random. So nothing is ordered by ids here.
checks no records, and compares     validators of both are checked (§4.2). So the schema here has none.
int64 literals with their JSON
==================================  ====================================================================================

Texts of errors differ, and are compared with the reference's own elsewhere; here it counts that both fail.
"""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from rtdb.schema import Schema, define_schema, define_table, v

__all__ = ["SCHEMA", "SCHEMA_SOURCE", "page_steps", "transactions"]

Json = Any

SCHEMA_SOURCE: Final = """
    schema = define_schema(
        {
            "loose": define_table(
                {
                    "a": v.optional(v.any()),
                    "b": v.optional(v.any()),
                    "o": v.optional(v.any()),
                    "n": v.number(),
                    "s": v.optional(v.string()),
                    "friend": v.optional(v.union(v.id("loose"), v.id("strict"))),
                }
            )
            .index("by_a", ["a"])
            .index("by_a_b", ["a", "b"])
            .index("by_ox_n", ["o.x", "n"])
            .index("by_friend", ["friend"]),
            "strict": define_table(
                v.union(
                    {"kind": v.literal("x"), "value": v.union(v.number(), v.string())},
                    {
                        "kind": v.literal("y"),
                        "list": v.array(v.int64()),
                        "raw": v.optional(v.bytes()),
                        "ref": v.nullable(v.id("loose")),
                        "deep": v.object({"flag": v.boolean(), "one": v.optional(v.literal(1))}),
                    },
                )
            ).index("by_kind", ["kind", "value"]),
        }
    )
"""


def _schema() -> Schema:
    namespace: dict[str, Any] = {"define_schema": define_schema, "define_table": define_table, "v": v}
    exec("if True:\n" + SCHEMA_SOURCE, namespace)
    schema = namespace["schema"]
    assert isinstance(schema, Schema)
    return schema


SCHEMA: Final = _schema()
UNDEFINED: Final[Json] = {"$undefined": None}
INDEXES: Final[dict[str, dict[str | None, list[str]]]] = {
    "loose": {
        None: [],
        "by_creation_time": [],
        "by_a": ["a"],
        "by_a_b": ["a", "b"],
        "by_ox_n": ["o.x", "n"],
        "by_friend": ["friend"],
    },
    "strict": {None: [], "by_kind": ["kind", "value"]},
}
DOCUMENTS_MAX: Final = 12
"""Documents are named by the order in which they were made; most numbers name one."""

tables = st.sampled_from(["loose", "loose", "strict"])
targets = st.tuples(tables, st.integers(0, DOCUMENTS_MAX - 1))
floats = st.sampled_from([0.0, 1.0, 2.0, -1.5, 1e300])
special = st.sampled_from(
    [
        {"$float": "AAAAAAAA+H8="},  # NaN
        {"$float": "AAAAAAAA8H8="},  # Infinity
        {"$float": "AAAAAAAA8P8="},  # -Infinity
        {"$float": "AAAAAAAAAIA="},  # -0
    ]
)
int64s = st.sampled_from([{"$integer": text} for text in ("AAAAAAAAAAA=", "AQAAAAAAAAA=", "//////////8=")])
ascii_strings = st.sampled_from(["", "a", "ab", "b", "B", "x", "y"])
strings = ascii_strings | st.sampled_from(["é", "\uffff", "\U00010000", "a\0"])
raw = st.sampled_from([{"$bytes": ""}, {"$bytes": "AA=="}, {"$bytes": "AAE="}])
scalars = st.none() | st.booleans() | floats | special | int64s | strings | raw
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["x", "z"]), inner, max_size=2),
    max_leaves=3,
)
optional_values = values | st.just(UNDEFINED)
references = st.builds(lambda number: {"$doc": number}, targets)

loose_fields = st.fixed_dictionaries(
    {"n": floats},
    optional={
        "a": optional_values,
        "b": optional_values,
        "o": optional_values | st.fixed_dictionaries({"x": values}),
        "s": strings,
        "friend": references,
    },
)
strict_fields = st.one_of(
    st.fixed_dictionaries({"kind": st.just("x"), "value": floats | strings}),
    st.fixed_dictionaries(
        {
            "kind": st.just("y"),
            "list": st.lists(int64s, max_size=2),
            "ref": st.none() | references,
            "deep": st.fixed_dictionaries({"flag": st.booleans()}, optional={"one": st.sampled_from([1.0, 2.0])}),
        },
        optional={"raw": raw | st.none()},
    ),
    # What no member of the union accepts, mostly.
    st.dictionaries(st.sampled_from(["kind", "value", "list", "n"]), values, max_size=3),
)
fields_by_table = {"loose": loose_fields, "strict": strict_fields}
some_fields = loose_fields | strict_fields | st.dictionaries(st.sampled_from("abs"), values, max_size=2)

# --- queries ----------------------------------------------------------------------------------------------------------


def _of(operators: str, *operands: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Return nodes of some operator with these operands."""
    return st.tuples(st.sampled_from(operators.split()), *operands).map(list)


def _conditions(table: str) -> st.SearchStrategy[Json]:
    paths = st.sampled_from(["a", "b", "o", "o.x", "n", "s", "friend", "kind", "value", "absent"])
    anything = _of("field", paths) | _of("value", optional_values | references)
    # Sums and quotients of these are neither NaN nor -0, which JavaScript compares in a way of its own.
    positive = _of("value", st.sampled_from([0.5, 1.0, 2.0, 3.0]))
    positive = st.recursive(positive, lambda inner: _of("add mul div", inner, inner), max_leaves=3)
    numbers = positive | _of("sub mod", positive, positive)
    if table == "loose":
        numbers |= _of("field", st.just("n"))
    texts = _of("value", ascii_strings)
    comparisons = st.one_of(
        _of("eq neq", anything, anything),
        _of("lt lte gt gte", numbers, numbers),
        _of("lt lte gt gte", texts, texts),
    )
    return st.recursive(
        comparisons,
        lambda inner: (
            _of("not", inner)
            | st.builds(lambda name, nodes: [name, *nodes], st.sampled_from(["and", "or"]), st.lists(inner))
        ),
        max_leaves=4,
    )


conditions = {table: _conditions(table) for table in INDEXES}


@st.composite
def _ranges(draw: st.DrawFn, fields: list[str]) -> list[list[Json]]:
    """Equalities on the first fields and bounds on the next one; one in a few breaks that rule."""
    fields = [*fields, "_creationTime"]
    # Ids sort differently: what is read by them is what is equal to one.
    count = draw(st.integers(1 if fields[0] == "friend" else 0, len(fields) - 1))
    value = optional_values | references
    steps: list[list[Json]] = [["eq", field, draw(value)] for field in fields[:count]]
    # Nobody knows creation times beforehand: they are bounded, but not hit.
    bound = st.sampled_from([0.0, 1e15]) if fields[count] == "_creationTime" else optional_values
    if draw(st.booleans()):
        steps.append([draw(st.sampled_from(["gt", "gte"])), fields[count], draw(bound)])
    if draw(st.booleans()):
        steps.append([draw(st.sampled_from(["lt", "lte"])), fields[count], draw(bound)])
    if draw(st.integers(0, 15)) == 0:
        steps.append([draw(st.sampled_from(["eq", "gt", "lt"])), draw(st.sampled_from([*fields, "absent"])), 1.0])
    return steps


@st.composite
def queries(draw: st.DrawFn) -> dict[str, Json]:
    """A query without what ends it."""
    table = draw(tables)
    index = draw(st.sampled_from(list(INDEXES[table])))
    return {
        "table": table,
        "index": index,
        "range": [] if index is None else draw(_ranges(INDEXES[table][index])),
        "order": draw(st.sampled_from([None, "asc", "desc"])),
        "filters": draw(st.lists(conditions[table], max_size=2)),
    }


reads = st.one_of(
    st.builds(lambda target: {"op": "get", "target": target}, targets),
    st.builds(
        lambda op, table, target: {"op": op, "table": table, "target": target},
        st.sampled_from(["get_in", "normalize"]),
        tables,
        targets,
    ),
    st.builds(lambda query, op: {**query, "op": op}, queries(), st.sampled_from(["collect", "first", "unique"])),
    st.builds(lambda query, n: {**query, "op": "take", "n": n}, queries(), st.integers(0, 4)),
)

# --- transactions -----------------------------------------------------------------------------------------------------


@st.composite
def _inserts(draw: st.DrawFn) -> dict[str, Json]:
    table = draw(tables)
    return {"op": "insert", "table": table, "fields": draw(fields_by_table[table])}


@st.composite
def _changes(draw: st.DrawFn) -> dict[str, Json]:
    target = draw(targets)
    fields = draw(fields_by_table[target[0]] | some_fields)
    if target[0] == "strict":
        fields = {name: value for name, value in fields.items() if value != UNDEFINED}
    return {"op": draw(st.sampled_from(["patch", "replace"])), "target": target, "fields": fields}


writes = st.one_of(
    _inserts(),
    _inserts(),
    _changes(),
    st.builds(lambda target: {"op": "delete", "target": target}, targets),
)
steps = writes | reads
plain = st.builds(
    lambda steps, fails: {"steps": steps, "fails": fails},
    st.lists(steps, max_size=5),
    st.sampled_from([False] * 4 + [True]),
)
mutations = st.builds(
    lambda steps, fails: {"kind": "mutation", "steps": steps, "fails": fails},
    st.lists(steps | plain.map(lambda program: {"op": "nested", "program": program}), min_size=1, max_size=8),
    st.sampled_from([False] * 6 + [True]),
)
looks = st.builds(
    lambda steps: {"kind": "query", "steps": steps, "fails": False}, st.lists(reads, min_size=1, max_size=4)
)
transactions = mutations | mutations | looks
"""A transaction: its kind, its steps, and whether it fails in the end."""


@st.composite
def page_steps(draw: st.DrawFn) -> dict[str, Json]:
    """A list to be read page by page."""
    rows = draw(st.none() | st.integers(1, 4))
    options = {"numItems": draw(st.integers(1, 4))} | ({} if rows is None else {"maximumRowsRead": rows})
    return {**draw(queries()), "op": "page", "options": options}
