"""The `conversion-sync` command."""
