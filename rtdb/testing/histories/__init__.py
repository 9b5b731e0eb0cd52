"""Was what clients have seen serializable, and in the order of time? A history in, anomalies with a witness each out.

Clients append numbers to lists and read lists, several in one transaction, and note what they did and saw. Every number
is appended to a list once, so a list that was read says in which order it was written. From that follows who depends on
whom, and a cycle among dependencies is a proof that no serial order explains the history. The method is Elle's
(Kingsbury and Alvaro, VLDB 2020).

Read ``history.py`` for what is noted, ``checker.py`` for what is concluded from it, ``dependencies.py`` for the graph.
Nothing here knows rtdb.
"""

from rtdb.testing.histories.checker import Anomaly, Step, check_history
from rtdb.testing.histories.history import Append, Operation, Read, Transaction

__all__ = ["Anomaly", "Append", "Operation", "Read", "Step", "Transaction", "check_history"]
