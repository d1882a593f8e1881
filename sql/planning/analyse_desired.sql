-- Tells the planner how many rows are wanted. Input: desired. Output: statistics. Cost: one scan of it.
analyze desired
