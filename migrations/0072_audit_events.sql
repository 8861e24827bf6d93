-- What a record says is read from its bytes, which are what is hashed: records of form 2 have code and fields there, those of form 1 an English
-- sentence. A column of its own could be changed without its hash; so there is none any more. No record is touched.
alter table audit_record drop column sentence;

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
                              project, ip, request_id, token_id)
    values (number, record, head.hash, sum, (doc ->> 'time')::timestamptz, doc -> 'actor' ->> 'type', doc -> 'actor' ->> 'name',
            doc ->> 'action', doc -> 'outcome' ->> 'result', doc -> 'object' ->> 'type', doc -> 'object' ->> 'name',
            doc -> 'object' ->> 'project', doc -> 'source' ->> 'ip', doc ->> 'request_id',
            (doc -> 'actor' ->> 'token')::bigint);
    update audit_head set seq = number, hash = sum;
    return number;
end $$;
