-- From here to its end the transaction looks rows up by index, one by one: a batch is small beside the ledger, and a plan
-- that reads a month to find a thousand rows would make deliveries slower the more was delivered before.
-- Input: none. Output: settings of the transaction. Cost: none.
select set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_seqscan', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)
