"""The app author's API, and the processes that run an app.

What an app imports (:mod:`~rtdb.functions.definition`, :mod:`~rtdb.functions.context`,
:mod:`~rtdb.functions.query_builder`) stops at the schema layer: an app's module loads nothing of the server. The
runner's side goes from a directory of modules (:mod:`~rtdb.functions.app_loader`) and a call to an outcome
(:mod:`~rtdb.functions.executor`); actions, which wait and run many at once, have a process of another kind
(:mod:`~rtdb.functions.action_runner`). The server's own functions are in :mod:`~rtdb.functions.system`. The node's side
(:mod:`~rtdb.functions.runner_pool`, :mod:`~rtdb.functions.action_pool`) knows an app by its description alone, whatever
language it is written in; how it keeps processes alive and replaces them at a deploy is :mod:`~rtdb.functions.fleet`.

Invariants: until the committer has accepted its outcome an execution has no effect, so it may be repeated or thrown
away; an action has effects while it runs, so it is never repeated.
"""
