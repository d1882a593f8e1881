"""Tokens that are fetched, renewed and kept: encrypted, one refresh at a time, before their first use."""
