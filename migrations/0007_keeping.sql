-- Letting go: which snapshots a plan keeps, what became of the others, and what the sweeps freed.

alter table plan add column keep jsonb not null default '{}';
alter table plan add column keep_since timestamptz not null default now();
comment on column plan.keep is 'Retention rule: last, hourly, daily, weekly, monthly, yearly, within_days. Empty keeps everything.';
comment on column plan.keep_since is 'Since when the rule is as it is: a changed rule lets nothing go for a day.';

-- A snapshot that was let go keeps its row: requests, holds and the audit history name it. Everything that restores or shows reads
-- the view, so nothing can offer a snapshot whose bytes may be gone.
alter table snapshot rename to snapshot_ever;
alter table snapshot_ever add column expired_at timestamptz;
alter table snapshot_ever add column forgotten_at timestamptz;
comment on column snapshot_ever.expired_at is 'When its plan''s rule let it go.';
comment on column snapshot_ever.forgotten_at is 'When its pointer was removed from the vault, which is after expired_at was committed.';
create index snapshot_to_forget on snapshot_ever (vault_id) where expired_at is not null and forgotten_at is null;
create index snapshot_of_run on snapshot_ever (run_id);

create view snapshot as
    select snapshot_id, project_id, vault_id, run_id, pointer_id, digest, moment, started_at, finished_at, gaps, gap_count, repositories,
           tags, artifacts, logical_bytes, bytes_new, tags_added, tags_removed, tags_moved, degraded_at
      from snapshot_ever where expired_at is null;
comment on view snapshot is 'Snapshots that are kept.';

create table sweep (
    sweep_id    bigint generated always as identity primary key,
    vault_id    bigint not null references vault,
    job_id      bigint not null references job,
    dry_run     boolean not null,
    finished_at timestamptz not null default now(),
    outcome     jsonb not null
);
create index sweep_of_vault on sweep (vault_id, sweep_id desc);
alter table vault add column sweep_at timestamptz not null default now() + interval '1 day';
comment on column vault.sweep_at is 'When the next sweep is due.';
