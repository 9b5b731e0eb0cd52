"""Benchmarks: one file per question, each with its workload, its floor and what a good answer is in its docstring.

``make bench NAME=transfer`` or ``python -m benchmarks transfer --help``. Results are printed and written as JSON.
Numbers are given beside a floor measured in the same run, because machines differ and so do a machine's minutes.
"""
