-- Sessions are looked at and ended one by one; tokens are bound to networks and projects; a record says which token or session acted.

alter table session
    add column session_id bigint generated always as identity constraint session_id_unique unique,
    add column began_at   timestamptz not null default now(),
    add column ip         text,
    add column browser    text constraint session_browser_length check (length(browser) <= 40),
    add column system     text constraint session_system_length check (length(system) <= 40),
    add column noted_at   timestamptz;
update session set began_at = created_at;
comment on column session.session_id is 'Names a session on a page; what opens it is the key alone.';
comment on column session.began_at is 'The sign-in. A session gets another row when the password is entered again.';
comment on column session.browser is 'A word for it, read from the user agent, which is not kept.';
comment on column session.noted_at is 'When address and browser were last written; at most once a minute.';

alter table api_token
    add column networks     cidr[] not null default '{}',
    add column bound        boolean not null default false,
    add column last_used_ip text,
    add column revoked_by   text;
comment on column api_token.networks is 'Where it may be used from; none = from anywhere.';
comment on column api_token.bound is 'It reaches the projects in api_token_project and no other, also when there are none.';

create table api_token_project (
    api_token_id bigint not null references api_token,
    harbor_id    bigint not null references harbor,
    project      text,
    constraint api_token_project_once unique nulls not distinct (api_token_id, harbor_id, project)
);
comment on table api_token_project is 'No project = every project of the harbor. Within the rights of the token''s owner.';

-- Read from the record like every other column; records of before name no token and stay as they are.
alter table audit_record add column token_id bigint;

create or replace function audit_append(record bytea) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    head audit_head%rowtype;
    doc  jsonb := convert_from(record, 'UTF8')::jsonb;
    number bigint;
    sum  bytea;
begin
    select * into strict head from audit_head for update;
    number := head.seq + 1;
    sum := sha256(head.hash || int8send(number) || record);
    insert into audit_record (seq, record, prev_hash, hash, happened_at, actor_type, actor, action, outcome, object_type, object,
                              project, ip, request_id, sentence, token_id)
    values (number, record, head.hash, sum, (doc ->> 'time')::timestamptz, doc -> 'actor' ->> 'type', doc -> 'actor' ->> 'name',
            doc ->> 'action', doc -> 'outcome' ->> 'result', doc -> 'object' ->> 'type', doc -> 'object' ->> 'name',
            doc -> 'object' ->> 'project', doc -> 'source' ->> 'ip', doc ->> 'request_id', doc ->> 'sentence',
            (doc -> 'actor' ->> 'token')::bigint);
    update audit_head set seq = number, hash = sum;
    return number;
end $$;
