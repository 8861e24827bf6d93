-- Object lock: how the bucket of a vault locks what is written once, and until when each snapshot is locked in each vault it is in.

alter table vault_bucket add column lock_mode text not null default 'governance'
    constraint vault_bucket_lock_mode_known check (lock_mode in ('governance', 'compliance'));
alter table vault_bucket add column lock_days integer
    constraint vault_bucket_lock_days_range check (lock_days between 1 and 3650);
comment on column vault_bucket.lock_days is 'Days after its moment for which a snapshot, and all it needs, is locked; null = nothing is locked.';

alter table snapshot_ever add column locked_until timestamptz;
comment on column snapshot_ever.locked_until is 'Until when its pointer is locked in its own vault: never earlier than it was told once. The bucket has the last word.';
alter table snapshot_copy add column locked_until timestamptz;
comment on column snapshot_copy.locked_until is 'The same in the vault of the copy.';

create or replace view snapshot as
    select snapshot_id, project_id, vault_id, run_id, pointer_id, digest, moment, started_at, finished_at, gaps, gap_count, repositories,
           tags, artifacts, logical_bytes, bytes_new, tags_added, tags_removed, tags_moved, degraded_at, locked_until
      from snapshot_ever where expired_at is null;

create or replace view vault_snapshot as
    select s.vault_id, s.snapshot_id, s.project_id, s.moment, s.digest, s.logical_bytes, s.degraded_at, false as is_copy, s.locked_until
      from snapshot s
 union all
    select c.vault_id, s.snapshot_id, s.project_id, s.moment, s.digest, s.logical_bytes, c.degraded_at, true, c.locked_until
      from snapshot s join snapshot_copy c using (snapshot_id)
     where c.copied_at is not null and c.forgotten_at is null;
