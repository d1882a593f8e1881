"""Clicks: read from the user's own tables by a declared mapping; bad rows are quarantined with a reason."""
