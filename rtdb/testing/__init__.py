"""Parts for tests, ours and app authors': value strategies, a plain database writer, a commit log that fails on
request.

Only tests import this package; it may import anything.
"""
