-- The ledger by account, kind of row, state and reason. Value is what the platform's books gained by the rows.
-- Input:  :start, :end (aware times or infinity). Output: a row per group and currency. Cost: one pass over the span's rows.
select platform, account, kind, state, reason, coalesce(currency, '') as currency,
       coalesce(exponent, 0) as exponent, count(*) as entries, sum(book_minor)::bigint as book_minor,
       count(*) filter (where verb = 'retract') as retractions
from conversion
where reason <> 'replanned'
    and occurred_at >= cast(:start as timestamptz) and occurred_at < cast(:end as timestamptz)
group by platform, account, kind, state, reason, currency, exponent
order by platform, account, kind, state, reason, currency
