"""`python -m conversion_sync.cli` is `conversion-sync`."""

from conversion_sync.cli.main import run

run()
