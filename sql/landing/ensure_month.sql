-- Makes sure a partitioned table has the month's partition.
-- Input: :parent, :moment. Output: a partition, if it was missing. Cost: one catalogue look-up.
select ensure_month(:parent, cast(:moment as timestamptz))
