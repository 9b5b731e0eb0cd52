"""Benchmarks: one file per question, each with its workload, its floor, its peer and a good answer in its docstring.

``python -m benchmarks`` lists them, ``python -m benchmarks transfer --help`` explains one, ``make bench NAME=transfer``
runs it. Every benchmark runs the server as an operator would, from an empty data directory, with load from processes of
its own (`load/`), several times, alternating with its floor (`floors.py`) and peers (`peers/`). What is measured and
how it is written down is `harness/`.

* through a whole server: ``transfer``, ``fanout``, ``distinct``, ``latency``, ``connections``, ``query``, ``commit``,
  ``coldstart``, ``deploys``, ``soak``, ``peers``
* one part of it in this process: ``matching``, ``executor``, ``committer``, ``snapshot_reads``
"""
