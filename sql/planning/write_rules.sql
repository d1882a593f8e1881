-- Puts the configuration's accounts, rules and windows where the queries of attribution and planning read them.
-- Input:  staged_account, staged_rule, staged_window (whole configuration). Output: plan_account, plan_rule,
--         attribution_window; differing rows only. Cost: a handful of rows.
with account_gone as (
    delete from plan_account as known
    where not exists (
        select 1 from staged_account as staged
        where staged.platform = known.platform and staged.account = known.account
    )
), rule_gone as (
    delete from plan_rule as known
    where not exists (
        select 1 from staged_rule as staged
        where staged.platform = known.platform and staged.account = known.account
            and staged.event_kind = known.event_kind
    )
), window_gone as (
    delete from attribution_window as known
    where not exists (select 1 from staged_window as staged where staged.network = known.network)
), account_written as (
    insert into plan_account as known (
        platform, account, network, click_window_us, max_event_age_us, max_click_age_us, deadline_margin_us,
        min_click_age_us, can_restate, can_retract, adjustment_window_us, final_click_kinds
    )
    select platform, account, network, click_window_us, max_event_age_us, max_click_age_us, deadline_margin_us,
           min_click_age_us, can_restate, can_retract, adjustment_window_us, final_click_kinds
    from staged_account
    on conflict (platform, account) do update
    set network = excluded.network, click_window_us = excluded.click_window_us,
        max_event_age_us = excluded.max_event_age_us, max_click_age_us = excluded.max_click_age_us,
        deadline_margin_us = excluded.deadline_margin_us, min_click_age_us = excluded.min_click_age_us,
        can_restate = excluded.can_restate, can_retract = excluded.can_retract,
        adjustment_window_us = excluded.adjustment_window_us, final_click_kinds = excluded.final_click_kinds
    where known.* is distinct from excluded.*
), rule_written as (
    insert into plan_rule as known (
        platform, account, event_kind, action, value_rule, fixed_minor, fixed_currency, fixed_exponent, factor
    )
    select platform, account, event_kind, action, value_rule, fixed_minor, fixed_currency, fixed_exponent, factor
    from staged_rule
    on conflict (platform, account, event_kind) do update
    set action = excluded.action, value_rule = excluded.value_rule, fixed_minor = excluded.fixed_minor,
        fixed_currency = excluded.fixed_currency, fixed_exponent = excluded.fixed_exponent, factor = excluded.factor
    where known.* is distinct from excluded.*
)
insert into attribution_window as known (network, window_us)
select network, window_us from staged_window
on conflict (network) do update
set window_us = excluded.window_us
where known.window_us <> excluded.window_us
