-- Tells the planner how many visitors are at work. Input: dirty_visitor. Output: statistics. Cost: one scan of it.
analyze dirty_visitor
