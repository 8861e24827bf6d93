-- What a request came to as counts, and the plans it had before: all lines are shown, and what differs when votes lapsed.

-- A plan that was voted on, or that its author looked at, and that was replaced because Harbor changed.
create table request_plan (
    request_id  bigint not null references request,
    plan_hash   bytea not null constraint request_plan_hash_len check (octet_length(plan_hash) = 32),
    plan        jsonb not null,
    planned_at  timestamptz not null,
    replaced_at timestamptz not null default clock_timestamp(),
    primary key (request_id, plan_hash)
);
comment on table request_plan is 'Effect plans that were replaced; the newest is what the page of a request compares with.';

alter table request add column ended jsonb;
comment on column request.ended is 'What came of it: lines done, failed, blocked, open and left, and bytes sent. Null before its end.';

-- A request with lines that could not be done was called done.
update request set state = 'issues'
 where state = 'done' and jsonb_path_exists(plan, '$.items[*].effect ? (@.kind == "blocked")');
