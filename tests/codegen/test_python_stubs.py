"""Functions written in Python have a typed ``ctx.db``, and mypy finds what is misspelt."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import indent

import pytest

from rtdb.codegen.generation import generate
from rtdb.codegen.python_stubs import python_files
from rtdb.schema import define_schema, define_table, v
from tests.codegen.type_checkers import errors_of_mypy
from tests.codegen.zoo import ZOO, write_zoo

FUNCTIONS = Path(__file__).parents[2] / "examples" / "memberpulse" / "functions"

HEAD = """
from typing import Any, Literal, Never, assert_type

import rtdb
from rtdb import UNDEFINED, action, mutation, query, v

from ._generated.data_model import *
from ._generated.server import ActionContext, MutationContext, QueryContext

"""
RIGHT = """
unread = (
    ctx.db.query("notifications")
    .with_index("by_user", lambda q: q.eq("userId", userId).gt("_creationTime", 5).lt("_creationTime", 9))
    .filter(lambda q: q.eq(q.field("read"), False))
    .order("desc")
)
for row in unread:
    assert_type(row, NotificationsDoc)
    assert_type(row["title"], str)
assert_type(ctx.db.query("approvals").first(), ApprovalsDoc | None)
assert_type(ctx.db.query("presence").with_index("by_org").take(3), list[PresenceDoc])
assert_type(ctx.db.query("activity").with_index("by_org", lambda q: q).unique(), ActivityDoc | None)
approvals = ctx.db.query("approvals")
waiting = approvals.with_index("by_org_status", lambda q: q.eq("organizationId", "a").eq("status", "pending"))
page = waiting.paginate({"numItems": 5, "cursor": None})
assert_type(page["page"], list[ApprovalsDoc])
assert_type(ctx.db.get(id), NotificationsDoc | None)
assert_type(ctx.db.get("notifications", id), NotificationsDoc | None)
assert_type(ctx.db.normalize_id("presence", userId), PresenceId | None)
fields: NotificationsFields = {
    "userId": "ada",
    "organizationId": "acme",
    "type": "news",
    "title": "Lunch",
    "message": "is ready",
    "read": False,
    "link": UNDEFINED,
    "createdAt": ctx.now(),
}
assert_type(ctx.db.insert("notifications", fields), NotificationsId)
ctx.db.patch(id, {"read": True, "link": UNDEFINED})
ctx.db.patch("notifications", id, {"title": "Tea"})
ctx.db.replace(id, {**fields, "read": True})
found = ctx.db.get(id)
if found is not None:
    ctx.db.replace(id, {**found, "read": True})
ctx.db.delete(id)
ctx.log(ctx.random.random(), ctx.auth.get_user_identity())
assert_type(ctx.run_query("notifications:list", {"userId": userId}), list[NotificationsDoc])
stats = ctx.run_query("metrics:dashboardStats", {"organizationId": "acme"}, use_stale_snapshot=True)
assert_type(stats["recentActivity"][0]["entityId"], str)
assert_type(ctx.run_mutation("approvals:decide", {"approvalId": ApprovalsId("x"), "approved": True}), None)
news: ActivityFields = {**NEWS, "metadata": UNDEFINED}
ctx.run_mutation("presence:cleanup", transaction_limits={"documentsRead": 10})
assert_type(ctx.run_query(by_itself, {"anything": 5}), Any)
"""
MODULE = """
NEWS: ActivityFields = {
    "organizationId": "acme",
    "userId": "ada",
    "action": "a",
    "entityType": "b",
    "entityId": "c",
    "createdAt": 5,
}


@query
def by_itself(ctx: QueryContext) -> None: ...


@action
async def act(ctx: ActionContext, userId: str) -> None:
    assert_type(await ctx.run_query("notifications:list", {"userId": userId}), list[NotificationsDoc])
    assert_type(await ctx.run_mutation("presence:cleanup"), None)


"""
WRONG_CALLS = [
    'ctx.run_query("notifications:lst", {"userId": userId})',
    'ctx.run_query("notifications:list")',
    'ctx.run_query("notifications:list", {"user": userId})',
    'ctx.run_query("notifications:list", {"userId": 7})',
    'ctx.run_query("notifications:list", {"userId": userId})[0]["titel"]',
    'ctx.run_query("presence:cleanup")',
    'ctx.run_mutation("approvals:decide", {"approvalId": id, "approved": True})',
    'ctx.run_mutation("presence:cleanup", transaction_limits={"documents": 10})',
]


def function(body: str) -> str:
    head = "@mutation\ndef f(ctx: MutationContext, userId: str, id: NotificationsId) -> None:\n"
    return HEAD + MODULE + head + indent(body, "    ")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(FUNCTIONS, project / "functions")
    generate(project / "functions")
    return project


@pytest.mark.slow
def test_an_app_without_mistakes_passes_strictly(project: Path) -> None:
    """The MemberPulse example, and beside it a module that does everything once."""
    (project / "functions" / "all.py").write_text(function(RIGHT), encoding="utf-8")
    assert errors_of_mypy(project) == []


@pytest.mark.slow
def test_a_wrong_call_of_another_function_is_found(project: Path, tmp_path: Path) -> None:
    """Each line is one, and each has an error."""
    shutil.copytree(project / "functions", tmp_path / "functions")
    source = function("\n".join(WRONG_CALLS))
    (tmp_path / "functions" / "all.py").write_text(source, encoding="utf-8")
    errors = errors_of_mypy(tmp_path)
    found = {int(error.split(":")[1]) for error in errors if error.startswith("functions/all.py:")}
    lines = source.splitlines()
    assert {lines[line - 1].strip() for line in found} == set(WRONG_CALLS), errors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "right", "wrong", "complaint"),
    [
        ("notifications", 'query("notifications")', 'query("notification")', 'No overload variant of "query"'),
        ("notifications", '"by_user"', '"by_users"', 'No overload variant of "with_index"'),
        ("notifications", 'q.eq("userId", userId)', 'q.eq("user", userId)', 'No overload variant of "with_index"'),
        ("notifications", 'q.eq("userId", userId)', 'q.eq("userId", 7)', 'No overload variant of "with_index"'),
        ("metrics", '.eq("status", "pending")', '.eq("status", "open")', 'No overload variant of "with_index"'),
        ("metrics", '.eq("status", "pending")', '.gt("createdAt", 5)', 'No overload variant of "with_index"'),
        ("notifications", 'q.field("read")', 'q.field("raed")', 'Argument 1 to "field"'),
        ("notifications", '{"read": True}', '{"raed": True}', 'No overload variant of "patch"'),
        ("notifications", '{"read": True}', '{"read": "yes"}', 'No overload variant of "patch"'),
        ("notifications", '            "read": False,\n', "", 'No overload variant of "insert"'),
        ("notifications", '"title": title', '"titel": title', 'No overload variant of "insert"'),
        ("notifications", '"title": title', '"title": 7', 'No overload variant of "insert"'),
        ("notifications", "-> Sequence[NotificationsDoc]", "-> Sequence[ActivityDoc]", "is not defined"),
        ("presence", 'existing["_id"]', 'existing["id"]', 'has no key "id"'),
        ("presence", 'existing["_id"]', 'existing["userId"]', 'No overload variant of "patch"'),
        ("presence", "ctx: MutationContext, userId", "ctx: QueryContext, userId", 'has no attribute "patch"'),
        ("approvals", "approvalId: ApprovalsId", "approvalId: str", 'No overload variant of "patch"'),
        ("approvals", '"status": "pending"', '"status": "open"', 'No overload variant of "insert"'),
    ],
)
def test_a_mistake_is_found_where_it_is(
    project: Path, tmp_path: Path, module: str, right: str, wrong: str, complaint: str
) -> None:
    """Each is one change to an app that passes."""
    shutil.copytree(
        project / "functions", tmp_path / "functions", ignore=shutil.ignore_patterns("__pycache__", "all.py")
    )
    path = tmp_path / "functions" / f"{module}.py"
    source = path.read_text(encoding="utf-8")
    assert right in source
    path.write_text(source.replace(right, wrong, 1), encoding="utf-8")
    errors = errors_of_mypy(tmp_path)
    line = source[: source.index(right)].count("\n") + 1
    assert all(error.startswith(f"functions/{module}.py:") for error in errors), errors
    lines = [int(error.split(":")[1]) for error in errors if complaint in error]
    assert lines, errors
    assert abs(line - lines[0]) <= 10, errors


@pytest.mark.slow
def test_every_validator_has_its_type(tmp_path: Path) -> None:
    """The same zoo as for TypeScript, and names that Python spells differently; the last line is the control."""
    write_zoo(tmp_path / "functions")
    generate(tmp_path / "functions")
    lines = [f"    assert_type(animal[{name!r}], {animal.python})" for name, animal in ZOO.items()]
    lines += [
        '    assert_type(animal["home"]["geo"]["lat"], float)',
        '    assert_type(animal["from"], str)',
        '    assert_type(animal["home"]["__x"], None)',
        '    animals = ctx.db.query("animals")',
        '    animals.with_index("by_home", lambda q: q.eq("home.geo.lon", 5).eq("friend", animal["_id"]))',
        '    animals.with_index("by_home", lambda q: q.eq("home.geo.lon", UNDEFINED)).first()',
        '    animals.with_index("by_whatever", lambda q: q.eq("whatever.at", [7]).eq("from", UNDEFINED)).first()',
        '    animals.filter(lambda q: q.eq(q.field("home.geo.lat"), 5))',
        '    things = ctx.db.query("things")',
        '    thing = things.with_index("by_kind", lambda q: q.eq("kind", "cup").gt("length", 3)).first()',
        "    assert_type(thing, ThingsDoc1 | ThingsDoc2 | None)",
        '    assert_type(ctx.db.query("heap").collect(), list[dict[str, Any]])',
        '    ctx.db.insert("heap", {"whatever": 5})',
        '    assert_type(ctx.db.insert("things", {"kind": "spoon", "length": 5}), ThingsId)',
        '    assert_type(ctx.db.insert("user_names", {"a": "x"}), user_namesId)',
        '    assert_type(ctx.db.insert("userNames", {"a": "x"}), userNamesId)',
        '    assert_type(ctx.db.query("animalsHome").collect(), list[AnimalsHomeDoc])',
        "    assert_type(animal, str)",
    ]
    module = HEAD + "@mutation\ndef f(ctx: MutationContext, animal: AnimalsDoc) -> None:\n" + "\n".join(lines) + "\n"
    (tmp_path / "functions" / "feed.py").write_text(module, encoding="utf-8")
    errors = [error for error in errors_of_mypy(tmp_path) if "feed.py" in error or "_generated" in error]
    assert len(errors) == 1, "\n".join(errors)
    assert errors[0].startswith(f"functions/feed.py:{module.count(chr(10))}:")


def test_generated_modules_can_be_imported_without_an_app(tmp_path: Path) -> None:
    """They are plain modules: tests of an app import them too, and evaluate their annotations."""
    schema = define_schema(
        {
            "a_b": define_table(
                {"from": v.optional(v.string()), "nested": {"x": v.union(v.literal("p"), v.literal("q"))}}
            ),
            "u": define_table(v.union({"x": v.number()}, {"y": v.record(v.id("a_b"), v.bytes())})),
        }
    )
    namespace: dict[str, object] = {"__name__": "data_model"}
    exec(compile(python_files(schema)["data_model.py"], "data_model.py", "exec"), namespace)
    assert {"ABDoc", "ABNested", "UDoc", "UDoc1", "TableName"} <= set(namespace["__all__"])  # type: ignore[call-overload]  # names
    assert all(name in namespace for name in namespace["__all__"])  # type: ignore[attr-defined]  # names


def test_without_a_schema_or_one_that_is_not_enforced_contexts_are_those_of_every_app() -> None:
    loose = define_schema({"a": define_table({"x": v.string()})}, schema_validation=False)
    for schema in (None, loose, define_schema({})):
        files = python_files(schema)
        assert files["server.pyi"] == files["server.py"]
    assert "class ADoc(TypedDict)" in python_files(loose)["data_model.py"]
