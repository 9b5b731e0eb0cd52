"""The unmodified official clients against the real server."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.conftest import StartClient
from tests.e2e.official_client import CallFailed
from tests.e2e.server_process import ServerProcess


def notification(user: str, message: str = "hello") -> dict[str, Any]:
    return {"userId": user, "organizationId": "acme", "type": "message", "title": "News", "message": message}


def messages(notifications: list[dict[str, Any]]) -> list[str]:
    return [each["message"] for each in notifications]


def test_a_subscriber_sees_what_a_second_client_writes(
    shared_memberpulse: ServerProcess, start_client: StartClient, start_node: StartClient
) -> None:
    reader, writer = start_client(shared_memberpulse), start_node(shared_memberpulse)
    user = f"ada-{uuid4()}"
    unread = reader.subscribe("notifications:list", {"userId": user})
    assert unread.wait(lambda _: True) == []
    first = writer.mutation("notifications:create", notification(user, "first"))
    unread.wait(lambda value: messages(value) == ["first"])
    writer.mutation("notifications:create", notification(user, "second"))
    unread.wait(lambda value: messages(value) == ["second", "first"])
    writer.mutation("notifications:markAsRead", {"notificationId": first})
    unread.wait(lambda value: messages(value) == ["second"])


def test_a_client_reads_its_own_write(shared_memberpulse: ServerProcess, start_client: StartClient) -> None:
    client = start_client(shared_memberpulse)
    user = f"grace-{uuid4()}"
    unread = client.subscribe("notifications:list", {"userId": user})
    unread.wait(lambda value: value == [])
    client.mutation("notifications:create", notification(user))
    unread.wait(lambda value: messages(value) == ["hello"])
    assert messages(client.query("notifications:list", {"userId": user})) == ["hello"]


def test_a_write_outside_what_was_read_tells_nobody(shared_memberpulse: ServerProcess, start_node: StartClient) -> None:
    # The npm client only: the other one repeats its last results at every transition, changed or not.
    client = start_node(shared_memberpulse)
    user = f"alan-{uuid4()}"
    unread = client.subscribe("notifications:list", {"userId": user})
    unread.wait(lambda value: value == [])
    client.mutation("notifications:create", notification(f"not-{user}"))
    client.mutation("notifications:create", notification(user))
    unread.wait(lambda value: messages(value) == ["hello"])
    assert len(unread.values) == 2


def test_the_example_answers_over_http(shared_memberpulse: ServerProcess, start_node: StartClient) -> None:
    client = start_node(shared_memberpulse)
    place = {"userId": "edsger", "organizationId": "http"}
    client.http_mutation("presence:heartbeat", {**place, "currentPage": "/home"})
    client.http_mutation("presence:heartbeat", {**place, "currentPage": "/shop"})
    client.http_mutation(
        "activity:record", {**place, "action": "moved", "entityType": "page", "entityId": "shop", "metadata": [1, None]}
    )
    client.http_mutation("approvals:request", {"organizationId": "http", "requestedBy": "edsger", "subject": "a hat"})
    [online] = client.http_query("presence:getOnlineUsers", {"organizationId": "http"})
    assert (online["userId"], online["currentPage"]) == ("edsger", "/shop")
    stats = client.http_query("metrics:dashboardStats", {"organizationId": "http"})
    assert (stats["activeUsersCount"], stats["pendingApprovalsCount"]) == (1, 1)
    assert [each["metadata"] for each in stats["recentActivity"]] == [[1, None]]


def test_internal_functions_are_found_by_administrators_only(
    shared_memberpulse: ServerProcess, start_client: StartClient
) -> None:
    client = start_client(shared_memberpulse)
    with pytest.raises(CallFailed, match="Could not find public function for 'presence:cleanup'"):
        client.mutation("presence:cleanup")
    client.act_as_admin(shared_memberpulse.admin_key)
    assert client.mutation("presence:cleanup") is None


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0.0,
        -1.5,
        {"$float": "AAAAAAAAAIA="},  # -0.0
        {"$float": "AAAAAAAA+H8="},  # NaN
        {"$integer": "AQAAAAAAAAA="},
        {"$bytes": "AAEC"},
        "",
        "Übergröße \U0001f600",
        [[], [1.0, [2.0]]],
        {"a": {"b": [None, {}]}},
    ],
    ids=str,
)
def test_every_kind_of_value_goes_there_and_back(
    laboratory: ServerProcess, start_client: StartClient, value: Any
) -> None:
    assert start_client(laboratory).query("values:echo", {"value": value}) == value


def test_a_result_of_many_megabytes_arrives_and_changes(laboratory: ServerProcess, start_client: StartClient) -> None:
    """Above 5 MB the npm client is sent chunks, the other one message."""
    client = start_client(laboratory)
    name = f"large-{uuid4()}"
    large = client.subscribe("values:large", {"name": name})
    text, count = large.wait(lambda _: True)
    assert (text, count) == ("ü" * 3_000_000, 0)
    client.mutation("counters:increment", {"name": name})
    assert large.wait(lambda value: value[1] == 1)[0] == text


def test_an_exception_reaches_its_caller_with_message_and_place(
    laboratory: ServerProcess, start_client: StartClient
) -> None:
    with pytest.raises(CallFailed) as caught:
        start_client(laboratory).query("trouble:raises")
    assert "Uncaught ValueError: the cupboard is bare" in caught.value.message
    assert "trouble.py" in caught.value.message
    assert caught.value.data is None


def test_an_argument_that_fails_its_validator_is_refused(laboratory: ServerProcess, start_client: StartClient) -> None:
    with pytest.raises(CallFailed, match="ArgumentValidationError"):
        start_client(laboratory).query("values:strict", {"word": "maybe"})


def test_a_function_that_does_not_exist_is_named(laboratory: ServerProcess, start_client: StartClient) -> None:
    with pytest.raises(CallFailed, match="Could not find public function for 'values:nothing'"):
        start_client(laboratory).query("values:nothing")


def test_a_subscription_to_a_failing_query_reports_the_error(
    laboratory: ServerProcess, start_node: StartClient
) -> None:
    error = start_node(laboratory).subscribe("trouble:raises").wait_error()
    assert "the cupboard is bare" in error.message


def test_a_mutation_that_raises_writes_nothing(laboratory: ServerProcess, start_client: StartClient) -> None:
    client = start_client(laboratory)
    with pytest.raises(CallFailed, match="none of this happened"):
        client.mutation("trouble:writes_and_raises", {"name": "ghost"})
    assert client.query("counters:get", {"name": "ghost"}) == 0


def test_clients_resume_after_kill_9_without_losing_an_acknowledged_write(
    memberpulse: ServerProcess, start_client: StartClient, start_node: StartClient
) -> None:
    reader, writer = start_client(memberpulse), start_node(memberpulse)
    unread = reader.subscribe("notifications:list", {"userId": "ada"})
    writer.mutation("notifications:create", notification("ada", "before"))
    unread.wait(lambda value: messages(value) == ["before"])
    memberpulse.kill()
    # Sent while nobody listens: the client keeps it and delivers it once, when the server is back.
    pending = writer.start("mutation", "notifications:create", notification("ada", "after"))
    memberpulse.start()
    writer.finish(pending)
    unread.wait(lambda value: messages(value) == ["after", "before"])
    assert messages(writer.http_query("notifications:list", {"userId": "ada"})) == ["after", "before"]
