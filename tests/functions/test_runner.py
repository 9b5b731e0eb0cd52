from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from rtdb.link.frames import Drain, Durable, LaneReset, Outcome, RunnerReady, SessionRequest, Stale
from rtdb.link.link import LinkClosed
from rtdb.testing.memory_runner import memory_runners
from tests.functions.runner_bench import COUNTER, RunnerBench, result_of


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[RunnerBench]:
    made = RunnerBench(tmp_path)
    yield made
    made.close()


def test_calls_are_executed_in_order_and_have_no_effect_until_committed(bench: RunnerBench) -> None:
    replies = bench.send(bench.call("counter:increment"), bench.call("counter:increment"), bench.call("counter:value"))
    assert [result_of(reply) for reply in replies] == [1, 1, 0]
    bench.commit(replies[0])
    assert result_of(bench.send(bench.call("counter:value"))[0]) == 1


def test_a_reply_is_there_before_the_next_call_begins(bench: RunnerBench) -> None:
    replies = bench.runner.receive([bench.call("counter:increment"), bench.call("counter:value")])
    bench.commit(next(replies))
    assert result_of(next(replies)) == 1


def test_a_call_reads_at_the_position_it_names(bench: RunnerBench) -> None:
    before = bench.seq
    bench.commit(*bench.send(bench.call("counter:increment")))
    past, now = bench.send(bench.call("counter:value", at=before), bench.call("counter:value"))
    assert (result_of(past), result_of(now)) == (0, 1)
    assert isinstance(past, Outcome)
    assert past.seq == before


def test_a_call_of_another_deployment_is_sent_back(bench: RunnerBench) -> None:
    bench.app_bench.push(counter=COUNTER)
    call = bench.call("counter:value")
    assert bench.send(call) == [Stale(call.call)]


def test_what_is_asked_about_a_position_before_a_switch_is_answered_by_the_code_before_it(bench: RunnerBench) -> None:
    before = bench.seq
    bench.app_bench.push(counter=COUNTER)
    past = bench.call("counter:value", at=before)
    assert result_of(bench.send(past)[0]) == 0
    switched = bench.new_runner("bundle2")
    assert list(switched.receive([past])) == [Stale(past.call)]
    assert result_of(next(switched.receive([bench.call("counter:value", at=bench.seq)]))) == 0


def test_the_servers_own_functions_run_on_any_deployment(bench: RunnerBench) -> None:
    bench.app_bench.push(counter=COUNTER)
    (reply,) = bench.send(bench.call("_system/deployments:current", internal=True))
    assert result_of(reply)["bundle"] == "bundle2"


def test_nothing_is_executed_after_a_drain(bench: RunnerBench) -> None:
    replies = list(bench.runner.receive([bench.call("counter:value"), Drain(), bench.call("counter:value")]))
    assert len(replies) == 1
    assert bench.runner.drained


# --- the lane ---------------------------------------------------------------------------------------------------------


def test_the_lane_sees_its_own_pending_writes(bench: RunnerBench) -> None:
    bench.become_lane()
    replies = bench.send(*(bench.call("counter:increment") for _ in range(3)))
    # The first creates a table: what follows has to wait until that is durable.
    assert [result_of(reply) for reply in replies] == [1]
    replies += bench.send(bench.durable(bench.commit(*replies)))
    assert [result_of(reply) for reply in replies] == [1, 2, 3]
    assert bench.commit(*replies[1:]).losses == []
    assert result_of(bench.send(bench.call("counter:value"))[0]) == 3


def test_lane_outcomes_are_numbered_on_and_begin_at_the_last_durable_block(bench: RunnerBench) -> None:
    bench.commit(*bench.send(bench.call("counter:increment")))
    bench.send(LaneReset(4), Durable(bench.seq, 17))
    began = bench.seq
    bench.commit(*bench.new_runner().receive([bench.call("counter:insert_into", {"table": "others"})]))
    replies = bench.send(bench.call("counter:increment"), bench.call("counter:value"))
    assert [(r.seq, r.lane, r.pending) for r in replies if isinstance(r, Outcome)] == [(began, 4, 18), (began, 4, 19)]


def test_a_failed_mutation_of_the_lane_leaves_nothing_pending(bench: RunnerBench) -> None:
    bench.commit(*bench.send(bench.call("counter:increment")))
    bench.become_lane()
    failed, after = bench.send(bench.call("counter:fail"), bench.call("counter:value"))
    assert isinstance(failed, Outcome)
    assert failed.error is not None
    assert result_of(after) == 1


def test_a_write_that_was_hidden_by_a_pending_one_is_found_by_the_committer(bench: RunnerBench) -> None:
    """The overlay may hide a newer write of somebody else. The begin position is what keeps that from being lost."""
    bench.commit(*bench.send(bench.call("counter:increment")))
    bench.become_lane()
    pending = bench.send(bench.call("counter:increment"))
    bench.commit(*bench.new_runner().receive([bench.call("counter:increment")]))
    hiding = bench.send(bench.call("counter:increment"))
    assert [result_of(reply) for reply in pending + hiding] == [2, 3]
    assert [loss.reason for loss in bench.commit(*pending, *hiding).losses] == ["conflict", "lane"]


def test_a_new_epoch_forgets_what_was_pending(bench: RunnerBench) -> None:
    bench.commit(*bench.send(bench.call("counter:increment")))
    bench.become_lane(1)
    assert result_of(bench.send(bench.call("counter:increment"))[0]) == 2
    bench.become_lane(2)
    assert result_of(bench.send(bench.call("counter:increment"))[0]) == 2


def test_calls_of_an_epoch_that_is_over_are_not_executed(bench: RunnerBench) -> None:
    bench.become_lane(1)
    over = bench.call("counter:increment")
    replies = bench.send(over, LaneReset(2), Durable(bench.seq, 0), bench.call("counter:value"))
    assert replies[0] == Stale(over.call)
    assert result_of(replies[1]) == 0


def test_ordinary_calls_before_the_first_epoch_are_executed(bench: RunnerBench) -> None:
    replies = bench.send(bench.call("counter:increment"), LaneReset(1), Durable(bench.seq, 0))
    assert result_of(replies[0]) == 1


@pytest.mark.parametrize("others", [0, 3])
def test_a_pending_table_holds_the_lane_until_it_is_durable(bench: RunnerBench, others: int) -> None:
    """``Durable`` passes the calls that arrived before it, however many."""
    bench.become_lane()
    (creating,) = bench.send(bench.call("counter:insert_into", {"table": "made"}))
    waiting = [bench.call("counter:insert_into", {"table": "made"}) for _ in range(1 + others)]
    assert bench.send(*waiting) == []
    block = bench.commit(creating)
    replies = bench.send(bench.durable(block))
    assert len(replies) == len(waiting)
    assert bench.commit(*replies).losses == []


def test_a_pending_table_holds_the_lane_until_its_own_number_is_durable(bench: RunnerBench) -> None:
    bench.become_lane()
    bench.send(bench.call("counter:insert_into", {"table": "made"}))
    assert bench.send(bench.call("counter:value"), Durable(bench.seq, 0)) == []


def test_a_new_epoch_ends_the_wait_for_a_table_that_never_came(bench: RunnerBench) -> None:
    bench.become_lane(1)
    bench.send(bench.call("counter:insert_into", {"table": "made"}))
    over = bench.call("counter:value")
    assert bench.send(over) == []
    replies = bench.send(LaneReset(2), Durable(bench.seq, 0), bench.call("counter:value"))
    assert replies[0] == Stale(over.call)
    assert len(replies) == 2


def test_a_pending_deploy_holds_the_lane_so_that_no_later_call_runs_on_old_code(bench: RunnerBench) -> None:
    """The deployment is read from the snapshot, which does not show what is pending."""
    bench.become_lane()
    arguments = {"bundle": "bundle2", "description": '{"functions":[],"schema":null}', "since": 0}
    (push,) = bench.send(bench.call("_system/deployments:push", arguments, internal=True, by_server=True))
    later = bench.call("counter:value")
    assert bench.send(later) == []
    assert bench.send(bench.durable(bench.commit(push))) == [Stale(later.call)]


def test_a_request_sent_again_while_the_first_is_pending_is_answered_with_its_result(bench: RunnerBench) -> None:
    bench.commit(*bench.send(bench.call("counter:increment")))
    bench.become_lane()
    session = SessionRequest("a session", 1)
    first, again = bench.send(
        bench.call("counter:increment", session=session), bench.call("counter:increment", session=session)
    )
    assert (result_of(first), result_of(again)) == (2, 2)
    assert isinstance(again, Outcome)
    assert again.writes == []
    block = bench.commit(first, again)
    # Both are answered with the timestamp of the one commit.
    assert [ts for _call, ts in block.committed] == [block.ts, block.ts]


# --- its in-memory twin -----------------------------------------------------------------------------------------------


async def test_a_runner_in_memory_speaks_over_its_link_as_a_process_does(bench: RunnerBench) -> None:
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            handle = memory_runners(nursery, bench.open)()
            handle.link.queue(bench.start_message())
            (ready,) = await handle.link.receive()
            assert isinstance(ready, RunnerReady)
            assert ready.error is None
            handle.link.queue(bench.call("counter:increment"))
            (outcome,) = await handle.link.receive()
            assert isinstance(outcome, Outcome)
            assert result_of(outcome) == 1
            handle.link.queue(Drain())
            with pytest.raises(LinkClosed):
                await handle.link.receive()
            assert handle.wait() == 0


async def test_a_runner_in_memory_that_is_killed_answers_nothing_more(bench: RunnerBench) -> None:
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            handle = memory_runners(nursery, bench.open)()
            handle.link.queue(bench.start_message())
            await handle.link.receive()
            handle.link.queue(bench.call("counter:increment"))
            handle.kill()
            with pytest.raises(LinkClosed):
                await handle.link.receive()
            assert handle.wait() == -9
