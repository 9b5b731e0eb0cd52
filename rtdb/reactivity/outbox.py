"""What the hub has to tell one gateway, in order, until it is taken.

Results that follow each other and were read by the same round share a message. A notice always starts a new one: a
result that was known before a block must not be told after the notice of it, or the gateway would take it for valid
beyond.
"""

from __future__ import annotations

from rtdb.link.frames import BlockNotice, RoundResults, WatchResult

__all__ = ["Outbox"]


class Outbox:
    """Messages for one gateway; results are pairs of their round's timestamp and themselves."""

    __slots__ = ("_messages",)

    def __init__(self) -> None:
        self._messages: list[BlockNotice | tuple[int, list[WatchResult]]] = []

    def add_notice(self, notice: BlockNotice) -> None:
        self._messages.append(notice)

    def add_result(self, round_ts: int, result: WatchResult) -> None:
        """Add a result that was read by the round at this timestamp."""
        messages = self._messages
        if messages:
            last = messages[-1]
            if type(last) is tuple and last[0] == round_ts:
                last[1].append(result)
                return
        messages.append((round_ts, [result]))

    def take(self, running: list[int]) -> list[BlockNotice | RoundResults]:
        """Return and forget the messages; ``running`` are the timestamps of the rounds that are open now.

        A round of which a later message brings results counts as running in the earlier ones: the gateway must not drop
        what covers it before those have arrived.
        """
        still_running = dict.fromkeys(running)
        taken: list[BlockNotice | RoundResults] = []
        for message in reversed(self._messages):
            if type(message) is tuple:
                taken.append(RoundResults(message[1], sorted(still_running)))
                still_running[message[0]] = None
            else:
                assert isinstance(message, BlockNotice)
                taken.append(message)
        taken.reverse()
        self._messages = []
        return taken

    def __bool__(self) -> bool:
        return bool(self._messages)
