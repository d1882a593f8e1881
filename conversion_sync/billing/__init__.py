"""Billing systems: one folder a provider (pull, normalise), `provider.py` holds the protocol."""
