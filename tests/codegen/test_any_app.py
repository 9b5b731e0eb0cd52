"""Whatever an app declares, what is generated from it is TypeScript and Python that type checkers accept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rtdb.codegen.generated_files import write_files
from rtdb.codegen.python_stubs import python_files
from rtdb.codegen.typescript import typescript_files
from rtdb.functions.description import Description, FunctionDescription
from rtdb.link.frames import FunctionKind
from rtdb.schema.schema import define_schema, schema_from_json
from rtdb.schema.table import define_table
from rtdb.schema.validators import ObjectValidator, OptionalValidator, UnionValidator, Validator, v
from rtdb.testing.strategies import validators
from tests.codegen.type_checkers import errors_of_mypy, errors_of_tsc

pytestmark = pytest.mark.slow

# Keywords of either language, names that would be changed or hidden, and names that come out equal.
NAMES = [
    *("class", "from", "def", "None", "type", "default", "delete", "constructor", "Doc", "Id", "list", "str", "x"),
    *("index", "table", "query", "typed", "dict", "context", "fields", "literal", "int64"),
    *("user_names", "userNames", "UserNames", "user_Names", "nested", "a", "aDoc", "aId", "Any", "rtdb"),
]
names = st.sampled_from(NAMES)
types = validators([*NAMES, "_storage"])
fields = st.dictionaries(names | st.just("__dunder"), types | types.map(OptionalValidator), max_size=4)
documents = fields.map(v.object) | st.lists(fields.map(v.object), max_size=3).map(lambda members: v.union(*members))
KINDS: tuple[FunctionKind, ...] = ("query", "mutation", "action")


def _paths(document: Validator) -> list[str]:
    """Return the fields that every kind of document may have."""
    match document:
        case ObjectValidator(fields=declared):
            return [name for name in declared if not name.startswith("_")]
        case UnionValidator(members=members):
            return sorted({path for member in members for path in _paths(member)})
    return []


@st.composite
def descriptions(draw: st.DrawFn) -> Description:
    tables = {}
    for name, document in draw(st.dictionaries(names, documents | st.just(v.any()), max_size=4)).items():
        tables[name] = define_table(document)
        paths = _paths(tables[name].document)
        if paths:
            tables[name] = tables[name].index("by_some", draw(st.permutations(paths))[:3])
    schema = define_schema(tables, draw(st.booleans() | st.just(True)))
    functions_at = draw(st.lists(st.tuples(names, names), max_size=4, unique=True))
    functions = [
        FunctionDescription(
            f"{module}:{export}",
            draw(st.sampled_from(KINDS)),
            draw(st.booleans()),
            draw(fields.map(v.object) | st.just(v.any())).to_json(),
            draw(st.none() | types.map(lambda validator: validator.to_json())),
        )
        for module, export in sorted(functions_at)
    ]
    return Description(
        functions=functions, schema=draw(st.just(schema.to_json()) | st.none()) if not tables else schema.to_json()
    )


def generated(description: Description) -> Mapping[str, str]:
    schema = None if description.schema is None else schema_from_json(description.schema)
    return typescript_files(description) | python_files(schema, description.functions)


@settings(
    max_examples=4 if settings().max_examples <= 100 else 200,
    phases=[Phase.reuse, Phase.generate],  # shrinking would take hours
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(descriptions(), min_size=12, max_size=12))
def test_type_checkers_accept_what_is_generated(apps: list[Description]) -> None:
    """A dozen apps at a time, because starting a type checker takes longer than an app."""
    with TemporaryDirectory() as directory:
        for number, description in enumerate(apps):
            functions = Path(directory, "functions", f"app{number}")
            functions.mkdir(parents=True)
            files = generated(description)
            write_files(functions, files)
            exec(compile(files["data_model.py"], "data_model.py", "exec"), {"__name__": "data_model"})
        sources = {
            "all.ts": "".join(
                f'export * as api{number} from "./functions/app{number}/_generated/api";\n'
                f'export type * as model{number} from "./functions/app{number}/_generated/dataModel";\n'
                f'export type * as server{number} from "./functions/app{number}/_generated/server";\n'
                for number in range(len(apps))
            )
        }
        assert errors_of_tsc(Path(directory), sources) == []
        assert errors_of_mypy(Path(directory)) == []
