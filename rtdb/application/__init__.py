"""The hub's centre: runs functions for whoever calls, follows the blocks, keeps watched queries told.

Read :mod:`~rtdb.application.application` first: the façade that gateways, the deployer and the hub talk to, and the one
place where its parts are joined. Then along a call's way:

==================  ==================================================================================================
calls               a call is accepted, or refused, and answered once; what else is under way is counted for the drain
caller              who is answered: a gateway, or everybody who waits for one mutation of a session
queries             a query asked for once
mutations           a mutation: lane or pool, committer, and again when it was beaten
actions             an action, which runs once
http_actions        the same for an HTTP request, whose bodies pass through
watched_queries     the queries clients subscribe to, executed in rounds
completions         where *every* execution ends, whichever of the four it was
positions           the newest block, and the recent ones that queries can be read at
server_call         a function of the server's own, called by the server itself
function_log        a record of every completion, for those who look; log_polls are those who wait for the next
==================  ==================================================================================================

It is synchronous: each message from a gateway, a runner or the committer is handled to its end, then
:meth:`Application.pump` sends what that caused. So nothing here can be interleaved, and whatever arrives together is
sent on together. It never runs app code, never touches a client socket or the disk, and never decodes a document:
arguments and results pass through it as bytes.
"""

from rtdb.application.application import FILE_STEPS, Application
from rtdb.application.caller import Caller, OutgoingLink
from rtdb.application.server_call import ServerCallFailed, ServerCalls, call_by_server

__all__ = [
    "FILE_STEPS",
    "Application",
    "Caller",
    "OutgoingLink",
    "ServerCallFailed",
    "ServerCalls",
    "call_by_server",
]
