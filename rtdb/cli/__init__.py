"""The command line, ``rtdb``: a module per command, gathered by :mod:`rtdb.cli.main`.

Commands that need a running server speak HTTP to it; the others open the data directory and refuse to share it.
"""
