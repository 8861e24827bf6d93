-- Work in rows. A claim raises `epoch`; every write of a worker carries it, so that a worker which lost its lease changes nothing.

create table job (
    job_id           bigint generated always as identity primary key,
    kind             text not null,
    title            text not null,
    payload          jsonb not null,
    dedupe_key       text,
    state            text not null default 'queued'
                     constraint job_state_known check (state in ('queued', 'running', 'done', 'dead', 'cancelled')),
    attempt          integer not null default 0,
    attempt_max      integer not null constraint job_attempt_max_bounded check (attempt_max between 1 and 20),
    epoch            bigint not null default 0,
    owner            text,
    lease_until      timestamptz,
    run_at           timestamptz not null default now(),
    trigger          text not null,
    account_id       bigint references account,
    harbor_id        bigint,
    project          text,
    created_at       timestamptz not null default now(),
    started_at       timestamptz,
    finished_at      timestamptz,
    cancel_requested_at timestamptz,
    cancel_requested_by text,
    phase            text not null default '',
    items_done       bigint not null default 0,
    items_total      bigint not null default 0,
    bytes_done       bigint not null default 0,
    bytes_total      bigint not null default 0,
    error            text,
    remedy           text,
    link             text
);
-- At most one open job per subject: two clicks, or the schedule and a click, give one run.
create unique index job_dedupe on job (dedupe_key) where state in ('queued', 'running');
create index job_claim on job (run_at, job_id) where state = 'queued';
create index job_lease on job (lease_until) where state = 'running';
create index job_newest on job (job_id desc);
comment on column job.payload is 'What to do, by ids. Never a secret.';
comment on column job.epoch is 'Fencing token: raised by each claim.';

create table job_log (
    job_id bigint not null references job,
    seq    bigint not null,
    at     timestamptz not null default clock_timestamp(),
    level  text not null constraint job_log_level_known check (level in ('info', 'warn', 'error')),
    text   text not null,
    primary key (job_id, seq)
);
