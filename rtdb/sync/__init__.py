"""The live connection: clients subscribe to queries, call functions and are told what changed.

Read ``messages`` (what travels), then ``watch_table`` (what a gateway knows of the queries its sessions watch, and to
which timestamp a session may be moved), then ``connection`` (one session's state machine) with its ``commands`` (what
it asks its surroundings to do) and its parts: ``query_set`` (what it watches), ``session_identity`` (who it asks as),
``request_queue`` (its mutations and actions). All are synchronous, know neither sockets nor clock, and stop at layer 0.

Invariants: the versions of one session's transitions chain exactly; all results of a transition are of one timestamp;
timestamps never go back; whatever a client sends, the answer is at worst an error message and a close.
"""
