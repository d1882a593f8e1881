"""The rooms of the pipeline as plain functions: one module a room, each re-runnable for any hour.

pull → (land) → normalise → identify → attribute → plan → deliver. A room takes a `Context` and a
`Window`, reads the tables of the room before it, writes its own, and returns a report. What a change
made stale travels in table `dirty`; a window's own hours are always redone, so re-running an hour
repairs it and changes only what differs. Dagster and the command line both call these functions.
"""
