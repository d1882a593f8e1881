"""The `conversion-sync` command: thin commands over plain functions. Heavy imports happen inside commands."""
