"""The gateway: the process that holds client sockets and sync sessions, and nothing else.

::

    port ──▶ listener (peek) ─┬─ sync upgrade ──▶ websocket ⇄ sync/worker ⇄ sync/connection ┐
                              └─ anything else ─▶ http_server (Hypercorn) ─▶ http/app ──────┤
    hub ◀══ link ══▶ gateway ◀── call table, watch table, sessions ◀────────────────────────┘

It executes nothing and stores nothing: a gateway that dies takes its connections with it and nothing else, and clients
reconnect to another. Read :mod:`rtdb.gateway.gateway` for the process and the way of a frame,
:mod:`rtdb.gateway.sessions` for fan-out and liveness, :mod:`rtdb.gateway.websocket` for what a slow client meets.
"""
