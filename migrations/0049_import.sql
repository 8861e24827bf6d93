-- Images that were taken in from files. Their snapshot says nothing of what a Harbor held at that moment: a living project would look as if
-- it had lost all its other tags. So it is no stretch of any tag's history and no project's newest state; what asks for those reads the view
-- `snapshot`, which has none of them. What an import holds is kept beside, for browsing, finding and restoring it.

alter table snapshot_ever add column imported boolean not null default false;
comment on column snapshot_ever.imported is 'Its images came from files, not from the Harbor.';
create index snapshot_imported on snapshot_ever (project_id, moment) where imported;

create or replace view snapshot as
    select snapshot_id, project_id, vault_id, run_id, pointer_id, digest, moment, started_at, finished_at, gaps, gap_count, repositories,
           tags, artifacts, logical_bytes, bytes_new, tags_added, tags_removed, tags_moved, degraded_at, locked_until
      from snapshot_ever where expired_at is null and not imported;
comment on view snapshot is 'Snapshots of what a Harbor held that are kept.';

create view kept_snapshot as
    select snapshot_id, project_id, vault_id, run_id, pointer_id, digest, moment, started_at, finished_at, gaps, gap_count, repositories,
           tags, artifacts, logical_bytes, bytes_new, tags_added, tags_removed, tags_moved, degraded_at, locked_until, imported
      from snapshot_ever where expired_at is null;
comment on view kept_snapshot is 'All snapshots that are kept: what a Harbor held, and what was imported.';

create or replace view vault_snapshot as
    select s.vault_id, s.snapshot_id, s.project_id, s.moment, s.digest, s.logical_bytes, s.degraded_at, false as is_copy, s.locked_until
      from kept_snapshot s
 union all
    select c.vault_id, s.snapshot_id, s.project_id, s.moment, s.digest, s.logical_bytes, c.degraded_at, true, c.locked_until
      from kept_snapshot s join snapshot_copy c using (snapshot_id)
     where c.copied_at is not null and c.forgotten_at is null;

create table imported_member (
    snapshot_id bigint not null references snapshot_ever,
    repository  text not null,
    digest      bytea not null references artifact,
    tag         text,
    role        text not null constraint imported_member_role_known check (role in ('root', 'child', 'accessory')),
    subject     bytea,
    constraint imported_member_once unique nulls not distinct (snapshot_id, repository, tag, digest)
);
create index imported_member_digest on imported_member (digest);
comment on column imported_member.repository is 'With the project: prod/team/app.';

-- Nothing imported shows that a project was backed up.
create or replace view good_snapshot as
    select s.snapshot_id, s.project_id, s.run_id, s.vault_id, s.moment, cardinality(s.gap_prints) as gaps_accepted
      from snapshot_ever s
     where s.expired_at is null and s.degraded_at is null and not s.imported
       and not exists (select from unnest(s.gap_prints) p (print)
                        where not exists (select from standing_acceptance a where a.project_id = s.project_id and a.print = p.print));
