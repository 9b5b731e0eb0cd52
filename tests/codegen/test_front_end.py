"""A front end in TypeScript has the types of functions written in Python, and its mistakes are found by tsc."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rtdb.codegen.generation import generate
from rtdb.functions.bundle import GENERATED
from tests.codegen.type_checkers import TYPED, errors_of_tsc
from tests.codegen.zoo import ZOO, write_zoo

pytestmark = pytest.mark.slow

FUNCTIONS = Path(__file__).parents[2] / "examples" / "memberpulse" / "functions"
FRONT_END = (TYPED / "memberpulse.tsx").read_text(encoding="utf-8")

# What a server's functions in TypeScript would do with the same data model.
FUNCTIONS_IN_TYPESCRIPT = """
import { query } from "./functions/_generated/server";

export const unread = query({
  handler: (ctx) =>
    ctx.db
      .query("notifications")
      .withIndex("by_user", (q) => q.eq("userId", "ada"))
      .filter((q) => q.eq(q.field("read"), false))
      .first(),
});
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(FUNCTIONS, project / "functions", ignore=shutil.ignore_patterns(GENERATED, "__pycache__"))
    generate(project / "functions")
    return project


def test_a_front_end_without_mistakes_compiles(project: Path) -> None:
    sources = {"memberpulse.tsx": FRONT_END, "functions.ts": FUNCTIONS_IN_TYPESCRIPT}
    assert errors_of_tsc(project, sources) == []


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("api.notifications.list, { userId }", "api.notifications.list, { user: userId }", "'user' does not exist"),
        ("api.notifications.list, { userId }", "api.notifications.list, { userId: 7 }", "'number' is not assignable"),
        ("api.notifications.list, { userId }", "api.notifications.list", "Expected 2 arguments"),
        ("api.notifications.list,", "api.notifications.lst,", "Property 'lst' does not exist"),
        ("useQuery(api.notifications.list", "useQuery(internal.presence.cleanup", '"mutation"'),
        ("api.metrics.dashboardStats", "internal.presence.cleanup", '"internal"'),
        ("notification.title", "notification.titel", "Property 'titel' does not exist"),
        ("notification.link?.toUpperCase()", "notification.link.toUpperCase()", "possibly 'undefined'"),
        ("stats.activeUsersCount", "stats.activeUserCount", "Property 'activeUserCount' does not exist"),
        ("recentActivity[0]!.entityId", "recentActivity[0]!.entity", "Property 'entity' does not exist"),
        ('Id<"notifications">', 'Id<"notification">', "does not satisfy the constraint"),
        ('Promise<Id<"notifications">>', 'Promise<Id<"approvals">>', "is not assignable to type"),
        ('Doc<"notifications">', 'Doc<"notices">', "does not satisfy the constraint"),
        ('TableNames = "approvals"', 'TableNames = "approval"', "is not assignable to type"),
        ('["status"] = "pending"', '["status"] = "open"', "is not assignable to type"),
        ('    message: "is ready",\n', "", "Property 'message' is missing"),
        ("markAsRead({ notificationId: notification._id })", 'markAsRead({ notificationId: "x" })', "not assignable"),
    ],
)
def test_a_mistake_does_not_compile(project: Path, right: str, wrong: str, complaint: str) -> None:
    """Each is one change to the front end that compiles, and the one error names what is wrong where it is."""
    assert right in FRONT_END
    source = FRONT_END.replace(right, wrong, 1)
    (error, *_) = errors_of_tsc(project, {"memberpulse.tsx": source, "functions.ts": FUNCTIONS_IN_TYPESCRIPT})
    line = next(
        number
        for number, (now, before) in enumerate(zip(source.splitlines(), FRONT_END.splitlines(), strict=False), start=1)
        if now != before
    )
    assert error.startswith("memberpulse.tsx("), error
    assert complaint in error
    assert abs(int(error.removeprefix("memberpulse.tsx(").split(",")[0]) - line) <= 5, error


@pytest.mark.parametrize(
    ("right", "wrong"),
    [('"notifications"', '"notification"'), ('"by_user"', '"by_users"'), ('"userId"', '"user"'), ('"read"', '"raed"')],
)
def test_functions_in_typescript_know_tables_indexes_and_fields(project: Path, right: str, wrong: str) -> None:
    source = FUNCTIONS_IN_TYPESCRIPT.replace(right, wrong)
    errors = errors_of_tsc(project, {"memberpulse.tsx": FRONT_END, "functions.ts": source})
    assert errors
    assert all(error.startswith("functions.ts(") for error in errors)


def test_every_validator_has_its_type(tmp_path: Path) -> None:
    """``Same<A, B>`` is true for equal types only, ``any`` being equal to itself alone; the last lines are controls."""
    write_zoo(tmp_path / "functions")
    generate(tmp_path / "functions")
    expected = "".join(
        f'export const {name}: Same<Doc<"animals">["{name}"], {animal.typescript}> = true;\n'
        for name, animal in ZOO.items()
    )
    source = (
        """
import type { FunctionArgs, FunctionReturnType } from "convex/server";
import { api, internal } from "./functions/_generated/api";
import type { Doc, Id } from "./functions/_generated/dataModel";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
"""
        + expected
        + """
export const kinds: Same<Doc<"things">["kind"], "cup" | "spoon"> = true;
export const anything: Same<Doc<"heap">, any> = true;
export const args: Same<FunctionArgs<typeof api.deep.inside.find>, { id: Id<"animals">; deep?: boolean }> = true;
export const result: Same<FunctionReturnType<typeof api.deep.inside.find>, Doc<"animals"> | null> = true;
export const untyped: Same<FunctionReturnType<typeof internal.shed.hidden>, any> = true;
export const wrong: Same<Doc<"animals">["text"], number> = true;
export const loose: Same<any, string> = true;
"""
    )
    errors = errors_of_tsc(tmp_path, {"zoo.ts": source})
    line = source.splitlines().index('export const wrong: Same<Doc<"animals">["text"], number> = true;') + 1
    assert [error.split(":")[0] for error in errors] == [f"zoo.ts({line},14)", f"zoo.ts({line + 1},14)"], errors
