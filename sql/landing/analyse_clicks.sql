-- Tells the planner how many clicks are landed. Input: staged_click. Output: statistics. Cost: one scan of it.
analyze staged_click
