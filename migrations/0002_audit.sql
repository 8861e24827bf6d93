-- Append-only, hash-chained history (console.md 4.3). The record is the exact bytes that are hashed; every other column is read
-- from those bytes by audit_append, so they cannot disagree.
-- Rejected: ordering by time (transactions commit out of order) and locking the tail row (forks under load): one head row, locked.

create table audit_head (
    only_row boolean primary key default true constraint audit_head_one_row check (only_row),
    seq      bigint not null,
    hash     bytea not null constraint audit_head_hash_len check (octet_length(hash) = 32)
);
insert into audit_head (seq, hash) values (0, decode(repeat('00', 32), 'hex'));

create table audit_record (
    seq         bigint primary key,
    record      bytea not null,
    prev_hash   bytea not null constraint audit_record_prev_hash_len check (octet_length(prev_hash) = 32),
    hash        bytea not null constraint audit_record_hash_unique unique
                constraint audit_record_hash_len check (octet_length(hash) = 32),
    happened_at timestamptz not null,
    actor_type  text not null,
    actor       text not null,
    action      text not null,
    outcome     text not null constraint audit_record_outcome_known check (outcome in ('success', 'failure', 'denied', 'partial')),
    object_type text not null,
    object      text not null,
    project     text,
    ip          text,
    request_id  text,
    sentence    text not null
);
comment on column audit_record.hash is 'SHA-256 over prev_hash, seq as 8 bytes big-endian, and record.';
create index audit_record_actor on audit_record (actor, seq desc);
create index audit_record_action on audit_record (action text_pattern_ops, seq desc);
create index audit_record_project on audit_record (project, seq desc) where project is not null;
create index audit_record_object on audit_record (object_type, object, seq desc);
create index audit_record_request on audit_record (request_id) where request_id is not null;

create function audit_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'audit_record is append-only';
end $$;
create trigger audit_record_append_only before update or delete on audit_record
    for each row execute function audit_refuse_change();
create trigger audit_record_no_truncate before truncate on audit_record
    for each statement execute function audit_refuse_change();
create trigger audit_head_stays before delete on audit_head
    for each row execute function audit_refuse_change();
create trigger audit_head_no_truncate before truncate on audit_head
    for each statement execute function audit_refuse_change();

-- The only way in. Called last in the caller's transaction: the head row is locked until commit.
create function audit_append(record bytea) returns bigint
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
                              project, ip, request_id, sentence)
    values (number, record, head.hash, sum, (doc ->> 'time')::timestamptz, doc -> 'actor' ->> 'type', doc -> 'actor' ->> 'name',
            doc ->> 'action', doc -> 'outcome' ->> 'result', doc -> 'object' ->> 'type', doc -> 'object' ->> 'name',
            doc -> 'object' ->> 'project', doc -> 'source' ->> 'ip', doc ->> 'request_id', doc ->> 'sentence');
    update audit_head set seq = number, hash = sum;
    return number;
end $$;

-- Results of verifying the chain; the newest is shown on every page.
create table audit_check (
    audit_check_id bigint generated always as identity primary key,
    checked_at     timestamptz not null default now(),
    events         bigint not null,
    head           bytea not null,
    broken_seq     bigint,
    broken_how     text
);
