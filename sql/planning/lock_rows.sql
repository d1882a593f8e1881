-- Holds the ledger rows of the events at work, so that no delivery claims one while its plan is decided.
-- Input:  work_event. Output: row locks. Cost: conversion_event scans.
select count(*)
from (
    select 1 from conversion join work_event using (event_key) order by conversion_id for update of conversion
) locked
