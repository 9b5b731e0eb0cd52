"""What all benchmarks share.

* `benchmark.py`: what a benchmark is: its docstring, options, metrics and goals; running one from the command line
* `recorder.py`: what a run measured, by variant, subject and metric; the table and the file it becomes
* `results.py`: the file's format
* `server.py`, `process_costs.py`: the server under test; CPU, memory and page faults of its processes, by role
* `load_process.py`: a process of `benchmarks.load`
* `flames.py`: flame graphs of the server's processes while they are loaded
* `statistics.py`: medians, spreads, and whether two series differ by more than chance
* `comparison.py`, `page.py`: what is done with results: two compared, all on one page with plots
"""
