-- Rows an ad account's refusal holds, and what the platform said last of one of them.
-- Input:  none. Output: a row an account. Cost: the held rows of conversion_open, one attempt an account.
with waiting as (
    select platform, account, count(*) as entries, max(conversion_id) as example
    from conversion
    where queue = 'held' and reason = 'credential_or_configuration'
    group by platform, account
)
select waiting.platform, waiting.account, waiting.entries, said.at, coalesce(said.code, '') as code,
    coalesce(said.text, '') as text
from waiting
left join lateral (
    select attempt.at, attempt.code, attempt.text
    from delivery_attempt as attempt
    where attempt.platform = waiting.platform and attempt.account = waiting.account
        and attempt.outcome = 'hold'
    order by attempt.attempt_id desc
    limit 1
) as said on true
order by platform, account
