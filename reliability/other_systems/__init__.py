"""Runs the tests where the project is not written: on other processors, on Windows, and in each
version of Python. `python -m other_systems` says how."""
