"""Large bytes beside documents: files addressed by their content, and the documents that describe them.

Empty so far; file storage is the next thing to be built on top of the transactions.
"""
