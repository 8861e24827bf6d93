-- Restore requests: a wish, its effect plan, the votes bound to the plan's hash, and what came of it.

create table request (
    request_id     bigint generated always as identity primary key,
    state          text not null constraint request_state_known check (state in ('draft', 'waiting', 'reapproval', 'queued', 'running',
                   'done', 'issues', 'failed', 'cancelled', 'denied', 'expired', 'withdrawn')),
    version        bigint not null default 1,
    account_id     bigint not null references account,
    harbor_id      bigint not null references harbor,
    project        text not null,
    snapshot_id    bigint not null references snapshot,
    target_project text not null,
    form           jsonb not null,
    plan           jsonb not null,
    plan_hash      bytea not null constraint request_plan_hash_len check (octet_length(plan_hash) = 32),
    planned_at     timestamptz not null,
    risk           integer not null constraint request_risk_range check (risk between 0 and 5),
    votes_needed   integer not null constraint request_votes_range check (votes_needed between 0 and 5),
    rule           text not null,
    category       text not null default '',
    reason         text not null default '',
    ticket         text not null default '',
    created_at     timestamptz not null default now(),
    submitted_at   timestamptz,
    decide_before  timestamptz,
    started_at     timestamptz,
    finished_at    timestamptz,
    job_id         bigint references job,
    outcome_detail text,
    undo_of        bigint references request,
    retry_of       bigint references request
);
create index request_open on request (state, request_id desc);
create index request_of_account on request (account_id, request_id desc);
create index request_of_project on request (harbor_id, target_project, request_id desc);
comment on column request.plan is 'The effect plan, canonical JSON; plan_hash is the SHA-256 of its effect.';

create table vote (
    vote_id    bigint generated always as identity primary key,
    request_id bigint not null references request,
    account_id bigint not null references account,
    approve    boolean not null,
    comment    text not null,
    plan_hash  bytea not null constraint vote_plan_hash_len check (octet_length(plan_hash) = 32),
    voted_at   timestamptz not null default now(),
    void_at    timestamptz,
    void_reason text
);
create unique index vote_once on vote (request_id, account_id) where void_at is null;

-- One row per line of the effect plan that does something, written before its first external step (intent) and after its last (outcome).
create table restore_item (
    request_id bigint not null references request,
    seq        integer not null,
    repository text not null,
    reference  text not null,
    digest     bytea not null constraint restore_item_digest_len check (octet_length(digest) = 32),
    outcome    text not null default 'pending'
               constraint restore_item_outcome_known check (outcome in ('pending', 'started', 'done', 'skipped', 'failed')),
    code       text,
    detail     text not null default '',
    previous   bytea,
    bytes_sent bigint not null default 0,
    changed_at timestamptz not null default clock_timestamp(),
    primary key (request_id, seq)
);
comment on column restore_item.previous is 'What the tag pointed to before it was moved, recorded before the move: what undo needs.';
