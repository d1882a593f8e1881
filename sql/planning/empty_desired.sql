-- Makes room for the next kind of row. Input: none. Output: empty desired. Cost: none to speak of.
truncate desired
