"""TypeScript functions of an app inside the processes that run functions.

:mod:`~rtdb.functions.typescript.app_part` makes of what the modules contain the part of an app that is joined with its
Python functions. A call (:mod:`~rtdb.functions.typescript.function_run`) is driven from here: the host of
:mod:`rtdb.typescript` runs the code, and what the code asks for is answered out of the transaction
(:mod:`~rtdb.functions.typescript.transaction_syscalls`).

Invariant: nothing that such code does reaches the database but through the rules that functions in Python are held to.
"""
