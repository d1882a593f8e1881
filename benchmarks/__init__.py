"""How fast the main job is on this machine: `make bench`, or `python -m benchmarks --help`."""
