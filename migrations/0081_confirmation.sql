-- A run that finds a project as its newest snapshot has it makes no other snapshot: it confirms that one.
alter table plan add column confirmed_at timestamptz, add column look_seen_at timestamptz, add column look_log text, add column look_log_id bigint;
comment on column plan.confirmed_at is 'The look of its newest run that ended well. What is open in "confirmation" was found to hold still then, without a row of its own.';
comment on column plan.look_seen_at is 'The same look by the clock of the Harbor, and in look_log and look_log_id how far its audit log was read.';

alter table run add column looked_at timestamptz, add column look_seen_at timestamptz, add column look_log text, add column look_log_id bigint;
comment on column run.looked_at is 'When its first try looked at the Harbor: what it confirms, it confirms of then. The others as in plan.';

create table confirmation (
    confirmation_id bigint generated always as identity primary key,
    plan_id bigint not null references plan,
    project_id bigint not null references project,
    snapshot_id bigint not null references snapshot_ever,
    from_at timestamptz not null,
    seen_at timestamptz not null check (seen_at >= from_at),
    to_at timestamptz check (to_at >= seen_at)
);
comment on table confirmation is 'From when to when runs of a plan found that a snapshot holds what its project has: spans, not a row a run. A run that failed or was missed ends them. What a plan keeps, it keeps by these rows.';
comment on column confirmation.seen_at is 'When a listing of the project itself found so last.';
comment on column confirmation.to_at is 'Null: it is the plan''s newest of the project, and holds still since plan.confirmed_at.';
create unique index confirmation_open on confirmation (plan_id, project_id) where to_at is null;
create index confirmation_of_project on confirmation (plan_id, project_id, from_at);
create index confirmation_of_snapshot on confirmation (snapshot_id);
create index confirmation_by_project on confirmation (project_id);

-- Until now each run sealed everything again.
insert into confirmation (plan_id, project_id, snapshot_id, from_at, seen_at, to_at)
select r.plan_id, s.project_id, s.snapshot_id, s.moment, s.moment, s.moment
  from snapshot_ever s join run r using (run_id) where s.expired_at is null;

create view standing as
    select c.confirmation_id, c.plan_id, c.project_id, c.snapshot_id, c.from_at,
           coalesce(c.to_at, greatest(p.confirmed_at, c.seen_at)) as until, c.to_at is null as is_open
      from confirmation c join plan p using (plan_id);
comment on view standing is 'From when to when each snapshot is known to have been what its project has, plan by plan.';

alter table project_look add column own bytea check (octet_length(own) = 32);
comment on column project_look.own is 'The project''s own row as its snapshot has it, in short. Without it the project is listed.';

create or replace view snapshot as
    select snapshot_id, project_id, vault_id, run_id, pointer_id, digest, moment, started_at, finished_at, gaps, gap_count, repositories,
           tags, artifacts, logical_bytes, bytes_new, tags_added, tags_removed, tags_moved, degraded_at, locked_until, imported,
           greatest(moment, (select max(t.until) from standing t where t.snapshot_id = e.snapshot_id)) as until
      from snapshot_ever e where expired_at is null and not imported;
create or replace view kept_snapshot as
    select snapshot_id, project_id, vault_id, run_id, pointer_id, digest, moment, started_at, finished_at, gaps, gap_count, repositories,
           tags, artifacts, logical_bytes, bytes_new, tags_added, tags_removed, tags_moved, degraded_at, locked_until, imported,
           greatest(moment, (select max(t.until) from standing t where t.snapshot_id = e.snapshot_id)) as until
      from snapshot_ever e where expired_at is null;
create or replace view good_snapshot as
    select s.snapshot_id, s.project_id, s.run_id, s.vault_id, s.moment, cardinality(s.gap_prints) as gaps_accepted,
           greatest(s.moment, (select max(t.until) from standing t where t.snapshot_id = s.snapshot_id)) as until
      from snapshot_ever s
     where s.expired_at is null and s.degraded_at is null and not s.imported
       and not exists (select from unnest(s.gap_prints) p (print)
                        where not exists (select from standing_acceptance a where a.project_id = s.project_id and a.print = p.print));
