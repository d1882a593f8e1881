-- What was read in all: raw billing records, clicks, clicks of ads, rows put aside.
-- Input:  :start, :end (aware times or infinity). Output: one row of counts. Cost: one pass over the span's keys.
select (select count(*) from raw_event
        where created_at >= cast(:start as timestamptz) and created_at < cast(:end as timestamptz)) as raw_events,
       (select count(*) from click
        where clicked_at >= cast(:start as timestamptz) and clicked_at < cast(:end as timestamptz)) as clicks,
       (select count(*) from click
        where clicked_at >= cast(:start as timestamptz) and clicked_at < cast(:end as timestamptz)
            and click_ids <> '{}') as ad_clicks,
       (select count(*) from quarantined_click) as quarantined_clicks,
       (select count(*) from parked_record) as parked_records
