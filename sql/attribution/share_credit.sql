-- Reporting credit of every model in one pass. Weights are whole numbers, so shares are exact; the minor units left over
-- by rounding down go to the largest remainders, ties to the earlier touch, so that a model's credits sum to the event's net.
-- Touches of one moment are in order of (source, click_ref, network).
--   last_non_direct  all to the last touch that is not direct, to the last touch if all are
--   linear           equal
--   position_based   two fifths to the first and the last, the rest equally between; halves for two touches
--   time_decay       halves with each half-life of age
-- Input:  work_event, path, attribution_window, :models (array), :half_life_us.
-- Output: temporary table found_credit, shaped like credit. Cost: one pass over the paths at work.
insert into found_credit (event_key, model, source, click_ref, touched_at, network, campaign, position, weight,
                          credit_minor)
with placed as (
    select path.event_key, work.net_minor, path.source, path.click_ref, path.touched_at, path.network,
           path.campaign, path.age_us,
           row_number() over (
               partition by path.event_key order by path.touched_at, path.source, path.click_ref, path.network
           ) as position,
           count(*) over (partition by path.event_key) as touches
    from path
    join work_event as work on work.event_key = path.event_key and work.credited
    join attribution_window as span on span.network = path.network and path.age_us <= span.window_us
), ordered as (
    select placed.*,
           max(case when network <> 'direct' then position else 0 end) over (partition by event_key) as last_paid
    from placed
), weighted as (
    select event_key, net_minor, source, click_ref, touched_at, network, campaign, position,
           'last_non_direct' as model,
           cast(case when position = (case when last_paid > 0 then last_paid else touches end) then 1 else 0 end
                as numeric) as units
    from ordered
    union all
    select event_key, net_minor, source, click_ref, touched_at, network, campaign, position, 'linear', 1
    from ordered
    union all
    select event_key, net_minor, source, click_ref, touched_at, network, campaign, position, 'position_based',
           case when touches <= 2 then 1 when position in (1, touches) then 2 * (touches - 2) else 1 end
    from ordered
    union all
    select event_key, net_minor, source, click_ref, touched_at, network, campaign, position, 'time_decay',
           greatest(1, round(cast(exp(-ln(2.0::double precision) * age_us / cast(:half_life_us as double precision))
                                  as numeric) * 1000000000000))
    from ordered
), totalled as (
    select weighted.*, sum(units) over (partition by event_key, model) as all_units
    from weighted
    where model = any (:models)
), floored as (
    select totalled.*,
           div(abs(net_minor) * units, all_units) as base,
           mod(abs(net_minor) * units, all_units) as remainder
    from totalled
    where units > 0
), ranked as (
    select floored.*,
           abs(net_minor) - sum(base) over (partition by event_key, model) as left_over,
           row_number() over (partition by event_key, model order by remainder desc, position) as rank
    from floored
)
select event_key, model, source, click_ref, touched_at, network, campaign, position::integer,
       (units / all_units)::double precision,
       (sign(net_minor) * (base + case when rank <= left_over then 1 else 0 end))::bigint
from ranked
