-- Tells the planner how many customers are at work. Input: dirty_customer. Output: statistics. Cost: one scan of it.
analyze dirty_customer
