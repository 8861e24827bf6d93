-- People, their duties and roles, their sessions and the tokens of their programs.

create table account (
    account_id    bigint generated always as identity primary key,
    login         text not null constraint account_login_unique unique
                  constraint account_login_form check (login ~ '^[a-z0-9][a-z0-9._-]{1,63}$'),
    display_name  text not null constraint account_display_name_length check (length(display_name) between 1 and 100),
    password_hash text not null,
    version       bigint not null default 1,
    disabled_at   timestamptz,
    last_seen_at  timestamptz,
    created_at    timestamptz not null default now()
);
comment on column account.password_hash is 'argon2id in PHC form.';
comment on column account.version is 'Raised by a change of password, duties, roles or state; a session made under another version is dead.';

create table account_duty (
    account_id bigint not null references account,
    duty       text not null constraint account_duty_known check (duty in ('operator', 'secadmin', 'auditor')),
    primary key (account_id, duty)
);

-- The one-time token of the first-run set-up. Only its hash is kept; `used_at` makes it single use for ever.
create table bootstrap (
    only_row   boolean primary key default true constraint bootstrap_one_row check (only_row),
    token_hash bytea not null constraint bootstrap_token_hash_len check (octet_length(token_hash) = 32),
    made_at    timestamptz not null default now(),
    used_at    timestamptz
);

-- Sessions are keyed by the SHA-256 of the cookie's id, so a copy of this table opens no session. A logged-out session keeps
-- its row, revoked, so that a slow request which still holds it cannot bring it back (save is an update that skips revoked rows).
create table session (
    session_key     bytea primary key constraint session_key_len check (octet_length(session_key) = 32),
    account_id      bigint references account,
    account_version bigint,
    data            jsonb not null,
    created_at      timestamptz not null default now(),
    seen_at         timestamptz not null default now(),
    expires_at      timestamptz not null,
    revoked_at      timestamptz
);
create index session_account on session (account_id) where revoked_at is null;
comment on column session.expires_at is 'Absolute end; the idle end is judged from seen_at.';

-- Failed sign-ins by account and by address, shared by all servers.
create table sign_in_throttle (
    kind          text not null constraint sign_in_throttle_kind check (kind in ('login', 'address')),
    subject       text not null,
    failures      integer not null,
    window_start  timestamptz not null,
    blocked_until timestamptz,
    primary key (kind, subject)
);

create table api_token (
    api_token_id bigint generated always as identity primary key,
    account_id   bigint not null references account,
    name         text not null constraint api_token_name_length check (length(name) between 1 and 64),
    secret_hash  bytea not null constraint api_token_hash_unique unique
                 constraint api_token_hash_len check (octet_length(secret_hash) = 32),
    scope        text not null constraint api_token_scope_known check (scope in ('read', 'write')),
    created_at   timestamptz not null default now(),
    expires_at   timestamptz not null constraint api_token_a_year_at_most check (expires_at <= created_at + interval '366 days'),
    last_used_at timestamptz,
    revoked_at   timestamptz
);

-- Answers of unsafe requests that carried an idempotency key, for a day.
create table idempotency (
    account_id bigint not null references account,
    key        text not null constraint idempotency_key_length check (length(key) between 8 and 200),
    endpoint   text not null,
    answer     jsonb not null,
    made_at    timestamptz not null default now(),
    primary key (account_id, key)
);
