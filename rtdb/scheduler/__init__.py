"""Later, and again: scheduled functions and crons.

Empty so far; they will be documents of system tables, run through the same façade as everything else.
"""
