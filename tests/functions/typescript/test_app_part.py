"""Which part of an app is that of its TypeScript modules."""

from __future__ import annotations

from rtdb.functions.description import Description, FunctionDescription, Position
from rtdb.functions.typescript.app_part import describe_typescript
from rtdb.typescript.module_set import ModuleSet, TypeScriptModule

ANY = {"type": "any"}
SCHEMA = {"tables": [], "schemaValidation": True}


def function(path: str, position: Position | None = None) -> FunctionDescription:
    return FunctionDescription(path, "query", False, ANY, None, position)


def modules(*paths: str) -> ModuleSet:
    found = tuple(TypeScriptModule(path, "", None, "isolate") for path in paths)
    return ModuleSet(modules=found, server_version="1.48.0", import_seed="", import_ns=0)


def test_it_is_the_functions_of_its_modules_wherever_they_are_in_their_files() -> None:
    functions = [function("a:f"), function("chat/a:f", Position("chat/a.ts", 1, 2)), function("chat/b:f")]
    app = Description(functions, SCHEMA)
    assert describe_typescript(app, modules("chat/a.js", "b.js")) == Description([function("chat/a:f")], None)
    assert describe_typescript(app, None) == Description([], None)


def test_the_schema_is_its_own_only_if_it_has_one() -> None:
    app = Description([function("a:f")], SCHEMA)
    assert describe_typescript(app, modules("schema.js")) == Description([], SCHEMA)
    assert describe_typescript(app, modules("a.js")).schema is None
