"""Parts for tests, ours and app authors': value strategies, a plain database writer, a commit log that fails on
request; the whole server under virtual time (``simulation``), and a checker of what clients have seen (``histories``).

Only tests import this package; it may import anything.
"""
