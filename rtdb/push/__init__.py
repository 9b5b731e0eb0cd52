"""Pushes by the official CLI: how its steps become a deploy (cli-endpoints §6).

``pushes`` takes the steps. Deploying itself is `rtdb/deployer.py`, for these as for everybody's.
"""
