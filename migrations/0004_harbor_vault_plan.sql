-- What is protected, where the bytes live, and when that happens.

-- A removed harbor keeps its row: its snapshots stay restorable elsewhere, and its name stays taken so that old roles cannot
-- come to mean another harbor.
create table harbor (
    harbor_id     bigint generated always as identity primary key,
    name          text not null constraint harbor_name_unique unique
                  constraint harbor_name_form check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    url           text not null,
    ca_pem        text,
    plain_http    boolean not null default false,
    read_login    text not null,
    read_secret   bytea not null,
    write_login   text,
    write_secret  bytea,
    secret_set_at timestamptz not null default now(),
    secret_set_by text not null,
    product_version text,
    state         text not null default 'unknown'
                  constraint harbor_state_known check (state in ('unknown', 'healthy', 'refused', 'unreachable')),
    state_detail  text not null default '',
    checked_at    timestamptz,
    check_list    jsonb,
    can_restore   boolean not null default false,
    version       bigint not null default 1,
    removed_at    timestamptz,
    created_at    timestamptz not null default now(),
    constraint harbor_write_pair check ((write_login is null) = (write_secret is null))
);
comment on column harbor.read_secret is 'AES-256-GCM, v1|key id|nonce|ciphertext, bound to table, column and row.';

alter table job add constraint job_harbor foreign key (harbor_id) references harbor;

create table role_grant (
    role_grant_id bigint generated always as identity primary key,
    account_id    bigint not null references account,
    role          text not null constraint role_grant_role_known check (role in ('viewer', 'requester', 'approver', 'owner')),
    harbor_id     bigint references harbor,
    project       text,
    granted_by    text not null,
    granted_at    timestamptz not null default now(),
    constraint role_grant_project_needs_harbor check (project is null or harbor_id is not null),
    constraint role_grant_once unique nulls not distinct (account_id, role, harbor_id, project)
);
comment on table role_grant is 'No harbor = every harbor; no project = every project of the harbor.';

-- The last listing of a harbor's projects.
create table harbor_project (
    harbor_id   bigint not null references harbor,
    project     text not null,
    foreign_id  bigint not null,
    repositories bigint not null,
    proxy_cache boolean not null,
    first_seen_at timestamptz not null default now(),
    seen_at     timestamptz not null,
    gone_at     timestamptz,
    primary key (harbor_id, project)
);
comment on column harbor_project.gone_at is 'First listing that no longer had it.';

create table vault (
    vault_id   bigint generated always as identity primary key,
    name       text not null constraint vault_name_unique unique
               constraint vault_name_form check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    path       text not null constraint vault_path_unique unique,
    vault_uuid uuid not null constraint vault_uuid_unique unique,
    stored_bytes bigint not null default 0,
    verified_at timestamptz,
    created_at timestamptz not null default now()
);

create table finding (
    finding_id bigint generated always as identity primary key,
    vault_id   bigint not null references vault,
    kind       text not null,
    object     bytea not null constraint finding_object_len check (octet_length(object) = 32),
    detail     text not null,
    remedy     text not null,
    found_at   timestamptz not null default now(),
    healed_at  timestamptz
);
create unique index finding_open on finding (vault_id, kind, object) where healed_at is null;

create table plan (
    plan_id       bigint generated always as identity primary key,
    name          text not null,
    harbor_id     bigint not null references harbor,
    vault_id      bigint not null references vault,
    include       text[] not null constraint plan_include_some check (cardinality(include) between 1 and 200),
    exclude       text[] not null constraint plan_exclude_few check (cardinality(exclude) <= 200),
    cron          text not null,
    zone          text not null,
    rpo_s         bigint not null constraint plan_rpo_range check (rpo_s between 300 and 31622400),
    next_at       timestamptz,
    paused_at     timestamptz,
    paused_until  timestamptz,
    paused_by     text,
    paused_reason text,
    version       bigint not null default 1,
    created_by    text not null,
    created_at    timestamptz not null default now(),
    deleted_at    timestamptz
);
create unique index plan_name on plan (name) where deleted_at is null;
create index plan_due on plan (next_at) where deleted_at is null and paused_at is null;

create table run (
    run_id        bigint generated always as identity primary key,
    plan_id       bigint not null references plan,
    job_id        bigint not null constraint run_job_unique unique references job,
    trigger       text not null constraint run_trigger_known check (trigger in ('schedule', 'user', 'api')),
    only_project  text,
    state         text not null default 'queued'
                  constraint run_state_known check (state in ('queued', 'running', 'good', 'gaps', 'failed', 'cancelled')),
    queued_at     timestamptz not null default now(),
    started_at    timestamptz,
    finished_at   timestamptz,
    projects_done bigint not null default 0,
    projects      bigint not null default 0,
    bytes_new     bigint not null default 0,
    requests      bigint not null default 0,
    gaps          bigint not null default 0,
    full_reconcile boolean not null default false,
    error         text
);
create index run_of_plan on run (plan_id, run_id desc);

-- Runs that were due and could not be queued (server down, plan paused): what the day strip calls missed.
create table missed_run (
    plan_id bigint not null references plan,
    due_at  timestamptz not null,
    primary key (plan_id, due_at)
);
