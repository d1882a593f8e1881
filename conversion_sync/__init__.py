"""The conversion ledger for SaaS: see README.md. Import from the packages below; nothing is re-exported."""
