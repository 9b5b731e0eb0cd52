"""Who must hear of a commit, and what they are told.

Queries that clients watch are executed once for all who ask the same (*entries*), their reads are kept (*interval
map*), every block is held against those (*invalidator*), and what it touched runs again at one common position
(*round*).

Everything here is synchronous and does no input or output; the hub drives :class:`Reactor`. Invariants: a result is
always delivered with the interval of timestamps it is exact in, and never changes without a block that touched its
reads. Read ``reactor.py`` first, then ``rounds.py`` for when things run, and ``interval_map.py`` for how writes find
queries.
"""

from rtdb.reactivity.interval_map import IntervalMap
from rtdb.reactivity.query_entry import QueryAnswer
from rtdb.reactivity.reactor import Reactor, ReactorStatistics
from rtdb.reactivity.rounds import Execution

__all__ = ["Execution", "IntervalMap", "QueryAnswer", "Reactor", "ReactorStatistics"]
