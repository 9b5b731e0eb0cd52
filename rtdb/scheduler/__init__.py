"""Later, and again: scheduled functions and cron jobs.

They are documents of system tables, changed by the same transactions and run through the same façade as everything
else. Three layers, from below:

========================================  =========================================================================
schedule, cron_expression                 when cron jobs run: pure arithmetic, which an app's `crons.py` uses too
work, scheduled_job, cron_job, works      the documents, inside a transaction: how work waits, is claimed, ends
agenda, driver                            the hub's side: what waits next, and running it
========================================  =========================================================================

Invariant: a mutation's work is ended by the mutation's own transaction, exactly once; an action is called after its
claim is durable, at most once. Read docs/design/scheduler.md next.
"""
