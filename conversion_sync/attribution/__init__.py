"""Who is whom, which click counts, and how credit is shared: drives sql/identity, sql/attribution and sql/planning."""
