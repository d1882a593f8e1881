-- Visitors who no longer belong to anybody.
-- Input:  dirty_visitor, resolved_visitor. Output: visitor_customer. Cost: primary-key probes.
delete from visitor_customer as known
using dirty_visitor
where known.visitor_id = dirty_visitor.visitor_id
    and not exists (select 1 from resolved_visitor where resolved_visitor.visitor_id = known.visitor_id)
