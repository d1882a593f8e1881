"""Dagster, and only here: assets, checks, jobs, schedules, resources and the run-time instance."""
