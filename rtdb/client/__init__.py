"""A client for Python programs that run on trio.

``open_client(url)`` gives a :class:`Client` that calls functions and follows queries over one connection, comes back by
itself when that is lost, and applies each mutation once. ``connection`` is the protocol without a socket; ``client``
joins it to ``websocket``.
"""

from rtdb.client.client import Client, Subscription, open_client
from rtdb.client.errors import ClientError, ConvexError, FunctionError

__all__ = ["Client", "ClientError", "ConvexError", "FunctionError", "Subscription", "open_client"]
