-- One line for every pull: what was asked, what came, how late it was.
-- Input:  the values. Output: pull. Cost: one insert.
insert into pull (source, window_start, window_end, rows_seen, rows_new, rows_late, rows_quarantined, transport, run_id)
values (:source, :window_start, :window_end, :rows_seen, :rows_new, :rows_late, :rows_quarantined, :transport, :run_id)
