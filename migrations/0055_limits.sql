-- What lists, counts and the head of every page show is beside the row, so that no list reads an effect plan and no page opens a vault.

alter table request add column effects jsonb;
update request q set effects = (
    select jsonb_build_object(
               'project', q.target_project,
               'creates_project', coalesce((q.plan->>'creates_project')::boolean, false),
               'tags_created', count(*) filter (where l.kind = 'create' and l.alone and l.tag is not null),
               'images_created', count(*) filter (where l.kind = 'create' and l.alone and l.tag is null),
               'tags_moved', count(*) filter (where l.kind = 'move' and l.alone),
               'accessories', count(*) filter (where l.kind in ('create', 'move') and not l.alone),
               'left', count(*) filter (where l.kind = 'skip'),
               'blocked', count(*) filter (where l.kind = 'blocked'),
               'only', case when count(*) filter (where l.kind in ('create', 'move')) = 1
                            then max(l.repository || coalesce(':' || l.tag, '@' || l.digest)) filter (where l.kind in ('create', 'move') and l.alone) end,
               'only_then', case when count(*) filter (where l.kind in ('create', 'move')) = 1
                                 then max(l.digest) filter (where l.kind in ('create', 'move') and l.alone) end)
      from (select i->'effect'->>'kind' as kind, i->>'repository' as repository, i->>'tag' as tag, i->>'then' as digest, i->>'accessory' is null as alone
              from jsonb_array_elements(case when jsonb_typeof(q.plan->'items') = 'array' then q.plan->'items' else '[]' end) i) l);
alter table request alter column effects set not null;
comment on column request.effects is 'What the plan does, counted: what lists say of it. Written with the plan.';

-- Drafts nobody came back to are swept by age.
create index request_draft on request (planned_at) where state = 'draft';
-- What a person voted on, newest first.
create index vote_of_account on vote (account_id, request_id desc) where void_at is null;

alter table vault
    add column look jsonb,
    add column looked_at timestamptz,
    add column look_at timestamptz not null default now();
comment on column vault.look is 'What the last look at the vault found: state, free space, days until it is full. None before the first.';
comment on column vault.look_at is 'When a worker looks at it next.';
