-- Copies: the further vaults of a plan, and which snapshots are in them.

create table plan_copy (
    plan_id  bigint not null references plan,
    vault_id bigint not null references vault,
    primary key (plan_id, vault_id)
);
comment on table plan_copy is 'Vaults a plan copies its snapshots to, beside the one it backs up to.';

create table snapshot_copy (
    snapshot_id  bigint not null references snapshot_ever,
    vault_id     bigint not null references vault,
    started_at   timestamptz not null default now(),
    copied_at    timestamptz,
    bytes_new    bigint not null default 0,
    degraded_at  timestamptz,
    forgotten_at timestamptz,
    primary key (snapshot_id, vault_id)
);
create index snapshot_copy_of_vault on snapshot_copy (vault_id) where forgotten_at is null;
comment on column snapshot_copy.copied_at is 'When it was whole there. Without it, a copy is under way or broke off; its pointer may be there all the same.';
comment on column snapshot_copy.bytes_new is 'Bytes the copy had to store.';
comment on column snapshot_copy.forgotten_at is 'When its pointer was removed from that vault, after the snapshot itself was let go.';

create view vault_snapshot as
    select s.vault_id, s.snapshot_id, s.project_id, s.moment, s.digest, s.logical_bytes, s.degraded_at, false as is_copy
      from snapshot s
 union all
    select c.vault_id, s.snapshot_id, s.project_id, s.moment, s.digest, s.logical_bytes, c.degraded_at, true
      from snapshot s join snapshot_copy c using (snapshot_id)
     where c.copied_at is not null and c.forgotten_at is null;
comment on view vault_snapshot is 'The snapshots that are kept, once for each vault they are in.';
