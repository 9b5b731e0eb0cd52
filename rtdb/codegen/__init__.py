"""Generated code: what type checkers know of an app, in the app's directory ``_generated``.

====================================  ==================================================================================
``api.d.ts``, ``api.js``              the functions, for a front end in TypeScript and the official client
``dataModel.d.ts``                    tables, documents and ids, for the same
``server.d.ts``, ``server.js``        builders and contexts typed by them, for functions written in TypeScript
``data_model.py``                     tables, documents and ids, for functions written in Python
``server.py``, ``server.pyi``         contexts whose ``ctx.db`` knows them
``typescript.json``                   what a server has said of the modules in TypeScript, if there are any
====================================  ==================================================================================

Everything is made from an app's description, so that apps in other languages are served too. The description is made
in a child process (:mod:`~rtdb.codegen.app_process`), because making it runs the app's code.

Invariants: equal descriptions give equal bytes; a file is replaced as a whole, and only when it changes. Read
:mod:`~rtdb.codegen.generation` first.
"""
