"""Load generators: processes of their own, one epoll loop and raw sockets each, so that a client costs little and
always the same. ``python -m benchmarks.load`` reads one job as a line of JSON and answers with lines of JSON.

* `closed.py`: each connection sends its next request when the last is answered: throughput
* `paced.py`: requests are sent when they are due, answered or not: latency
* `posts.py`: messages are posted when they are due, and other sessions watch for them: latency until others know
* `sessions.py`: sessions that are connected, told to expect something, dropped and brought back
* `connection.py`, `work.py`: sockets and the two protocols; which calls are made
"""
