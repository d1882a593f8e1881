"""Who is whom, which click counts, how credit is shared: runs sql/identity, attribution and planning."""
