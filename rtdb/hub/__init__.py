"""The hub process: what joins the processes of a server.

Read :mod:`rtdb.hub.hub` first: it starts the committer, the runners, the action runners and the gateways, and says who
may end and what happens then. :mod:`rtdb.hub.gateways` keeps the gateways, on the sockets of
:mod:`rtdb.hub.listeners`. What the processes tell each other is handled in `application/` and `deploy/`.
"""
