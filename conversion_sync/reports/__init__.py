"""What the books say, read only: summary, reconciliation, laws, ledger, explanation, status."""
