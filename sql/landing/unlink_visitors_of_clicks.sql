-- What a click row named together and no longer does, a browser with its user or e-mail: the evidence is what the other rows
-- say, if any.
-- Input:  left_link, click. Output: identity_link. Their visitors are dirty already, because their click changed.
-- Cost:   a click_visitor scan and a primary-key probe a revised row that named somebody.
with standing as (
    select old.visitor_id, old.to_end, old.to_id, old.source, max(click.clicked_at) as linked_at
    from left_link as old
    left join click
        on click.visitor_id = old.visitor_id and click.source = old.source
        and old.to_id = case when old.to_end = 'user' then click.user_id else click.email_sha256 end
    group by old.visitor_id, old.to_end, old.to_id, old.source
), gone as (
    delete from identity_link as known
    using standing
    where known.from_end = 'visitor' and known.from_id = standing.visitor_id and known.to_end = standing.to_end
        and known.to_id = standing.to_id and known.evidence = 'click_table' and known.source_ref = standing.source
        and standing.linked_at is null
)
update identity_link as known
set linked_at = standing.linked_at
from standing
where known.from_end = 'visitor' and known.from_id = standing.visitor_id and known.to_end = standing.to_end
    and known.to_id = standing.to_id and known.evidence = 'click_table' and known.source_ref = standing.source
    and known.linked_at <> standing.linked_at
