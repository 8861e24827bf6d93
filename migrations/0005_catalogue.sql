-- What every captured moment held, stored as spans: a row says from which moment on something was so, and until which.
-- Snapshots share almost everything, so the size grows with changes, not with snapshots x tags. "At T" is
-- from_at <= T and (to_at is null or T < to_at). All of this can be rebuilt from the vault.

create table project (
    project_id bigint generated always as identity primary key,
    harbor_id  bigint not null references harbor,
    name       text not null,
    constraint project_unique unique (harbor_id, name)
);

create table repository (
    repository_id bigint generated always as identity primary key,
    project_id    bigint not null references project,
    name          text not null,
    constraint repository_unique unique (project_id, name)
);
comment on column repository.name is 'With the project: prod/team/app.';

create table snapshot (
    snapshot_id   bigint generated always as identity primary key,
    project_id    bigint not null references project,
    vault_id      bigint not null references vault,
    run_id        bigint references run,
    pointer_id    uuid not null constraint snapshot_pointer_unique unique,
    digest        bytea not null constraint snapshot_digest_len check (octet_length(digest) = 32),
    moment        timestamptz not null,
    started_at    timestamptz not null,
    finished_at   timestamptz not null,
    gaps          jsonb not null,
    gap_count     bigint not null,
    repositories  bigint not null,
    tags          bigint not null,
    artifacts     bigint not null,
    logical_bytes bigint not null,
    bytes_new     bigint not null,
    tags_added    bigint not null,
    tags_removed  bigint not null,
    tags_moved    bigint not null,
    degraded_at   timestamptz,
    constraint snapshot_moment_unique unique (project_id, moment)
);
create index snapshot_newest_good on snapshot (project_id, moment desc) where gap_count = 0;
comment on column snapshot.digest is 'Digest of the snapshot index: a Merkle root over every byte it protects. Also in the audit record.';
comment on column snapshot.moment is 'The point in time it stands for: when its listing began. Strictly later than that of the snapshot before.';

-- One row per distinct manifest, wherever it is.
create table artifact (
    digest        bytea primary key constraint artifact_digest_len check (octet_length(digest) = 32),
    media_type    text not null,
    kind          text not null,
    size_bytes    bigint not null,
    platforms     text[] not null default '{}'
);
comment on column artifact.size_bytes is 'Manifest, configuration and layers; of an index, its own manifest only.';

create table repository_span (
    repository_id bigint not null references repository,
    index_digest  bytea not null constraint repository_span_digest_len check (octet_length(index_digest) = 32),
    from_at       timestamptz not null,
    to_at         timestamptz,
    primary key (repository_id, from_at)
);

create table tag_span (
    repository_id bigint not null references repository,
    tag           text not null,
    digest        bytea not null references artifact,
    from_at       timestamptz not null,
    to_at         timestamptz,
    primary key (repository_id, tag, from_at)
);
create index tag_span_open on tag_span (repository_id, tag) where to_at is null;
create index tag_span_digest on tag_span (digest);
create index tag_span_name on tag_span (tag text_pattern_ops);
create index tag_span_from on tag_span (repository_id, from_at);
create index tag_span_to on tag_span (repository_id, to_at) where to_at is not null;

create table artifact_span (
    repository_id bigint not null references repository,
    digest        bytea not null references artifact,
    subject       bytea,
    role          text not null constraint artifact_span_role_known check (role in ('root', 'child', 'accessory')),
    from_at       timestamptz not null,
    to_at         timestamptz,
    primary key (repository_id, digest, from_at)
);
create index artifact_span_subject on artifact_span (repository_id, subject) where subject is not null;
comment on column artifact_span.subject is 'Of an accessory: the artifact it is about.';

create table hold (
    hold_id     bigint generated always as identity primary key,
    snapshot_id bigint not null references snapshot,
    reason      text not null constraint hold_reason_length check (length(reason) between 3 and 500),
    made_by     text not null,
    made_at     timestamptz not null default now(),
    released_at timestamptz,
    released_by text
);
create index hold_open on hold (snapshot_id) where released_at is null;
