-- How some rows stand. Input: :conversion_ids (array). Output: conversion_id, state, reason. Cost: primary-key probes.
select conversion_id, state, reason
from conversion
where conversion_id = any (cast(:conversion_ids as text[]))
order by conversion_id
