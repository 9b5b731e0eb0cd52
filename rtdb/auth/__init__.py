"""Who is asking: identities, admin keys and (with user tokens) the keys that sign them.

Read :mod:`rtdb.auth.identity` first: it is the one answer every part of the server gets. :mod:`rtdb.auth.admin_key`
turns the text of an admin key into one.
"""
