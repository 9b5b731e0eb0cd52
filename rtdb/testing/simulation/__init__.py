"""The whole server in one process under virtual time: every decision about what happens when comes from one seed.

The application, the reactor, the pool, the lane, the committer over LMDB, the runners with their functions, the watch
table with its sessions and the clients' protocol cores are the real ones. Simulated are time, the wires between them,
and the ends of things: processes that are killed, connections that break, clocks that are set.

Read ``virtual_time.py`` and ``wires.py`` for how things happen, ``server.py`` for how the parts are joined,
``client.py`` for what is checked all the time, ``world.py`` for what a scenario is given.

The same seed gives the same run, event by event.
"""

from rtdb.testing.simulation.behaviour import Behaviour, Plant
from rtdb.testing.simulation.client import SimulatedClient
from rtdb.testing.simulation.history import Committed
from rtdb.testing.simulation.virtual_time import Chance, Delay
from rtdb.testing.simulation.world import Scenario, World, simulate

__all__ = [
    "Behaviour",
    "Chance",
    "Committed",
    "Delay",
    "Plant",
    "Scenario",
    "SimulatedClient",
    "World",
    "simulate",
]
