-- A conversion worth looking at: one that was sent and corrected, else any that was sent. Input: none. Output: its id, if any.
-- Cost: stops at the first row found.
(select parent_conversion_id as conversion_id from conversion
 where kind = 'adjustment' and state = 'settled' order by occurred_at desc, conversion_id limit 1)
union all
(select conversion_id from conversion where state in ('settled', 'accepted') order by occurred_at desc, conversion_id limit 1)
limit 1
