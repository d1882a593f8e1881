"""Read-only views of the books: summaries, reconciliation, explanations."""
