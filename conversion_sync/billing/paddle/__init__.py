"""Paddle Billing: events and objects pulled as they are, read by their state."""
