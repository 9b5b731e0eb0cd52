"""What joins the processes of a server.

``frames`` is the vocabulary: every message between hub, committer, runners and gateways. ``link`` carries messages
over a socket pair, or between two tasks; ``body_stream`` carries bodies of any size in such messages. ``call_table``
keeps the calls that one end waits for. ``child`` is what a child process does first, ``supervisor`` starts processes
and keeps the server going. Nothing here knows what a message means.
"""
