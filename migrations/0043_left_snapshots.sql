-- What becomes of the snapshots of a plan that was deleted. Without a word of a person they are all kept.
alter table plan add column left_to text constraint plan_left_to_known check (left_to in ('kept', 'rule', 'plan'));
alter table plan add column left_owner text;
alter table plan add column left_plan_id bigint references plan;
alter table plan add column left_by text;
alter table plan add column left_since timestamptz;
comment on column plan.left_to is 'kept = all of them, for the owner named; rule = by the rule it had; plan = by the rule of another plan; none = nobody decided, all are kept.';
comment on column plan.left_owner is 'Login of who answers for keeping them all.';
comment on column plan.left_since is 'When that was decided: nothing goes by it for a day.';
alter table plan add constraint plan_left_whole check (
    case when left_to is null then left_owner is null and left_plan_id is null and left_since is null
         else left_since is not null and left_by is not null
              and (left_to = 'kept') = (left_owner is not null) and (left_to = 'plan') = (left_plan_id is not null) end);
create index plan_left_to_plan on plan (left_plan_id) where left_plan_id is not null;
