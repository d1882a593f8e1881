-- A pair whose row already left under another action keeps that row: nothing is sent twice because a mapping changed.
-- Input:  desired, conversion. Output: desired. Cost: conversion_event probes.
delete from desired
using conversion as sent
where sent.event_key = desired.event_key and sent.platform = desired.platform and sent.account = desired.account
    and sent.kind = desired.kind and sent.conversion_id <> desired.conversion_id
    and (sent.state in ('in_flight', 'accepted', 'settled', 'unknown', 'rejected') or sent.in_doubt)
