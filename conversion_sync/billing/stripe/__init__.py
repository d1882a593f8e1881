"""Stripe: events pulled as they are, read in either of their two shapes, normalised by customer."""
