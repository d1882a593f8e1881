-- Makes room for the next customers. Input: none. Output: empty staging tables. Cost: none to speak of.
truncate staged_revenue_event, staged_identity_link, staged_parked_record, staged_identifier
