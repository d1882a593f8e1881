-- Tells the planner how many events are at work. Input: work_event. Output: statistics. Cost: one scan of it.
analyze work_event
