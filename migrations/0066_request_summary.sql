-- What the page of a request shows of its effect plan is beside the plan, so that it need not be read: all of it but its lines, their first page, and
-- how many there are of each kind. Made by the database itself, so that the two cannot differ.

create function plan_summary(plan jsonb) returns jsonb language sql immutable parallel safe as $$
    with lines as (
        select line, place, line #>> '{effect,kind}' as kind, line ->> 'accessory' is not null as accessory
          from jsonb_array_elements(case when jsonb_typeof(plan -> 'items') = 'array' then plan -> 'items' else '[]' end)
               with ordinality l (line, place))
    select jsonb_build_object(
               'all', count(*),
               'create', count(*) filter (where kind = 'create' and not accessory),
               'moved', count(*) filter (where kind = 'move' and not accessory),
               'mend', count(*) filter (where kind = 'mend'),
               'skip', count(*) filter (where kind = 'skip'),
               'blocked', count(*) filter (where kind = 'blocked'),
               'accessories', count(*) filter (where accessory),
               'repositories', (select coalesce(jsonb_agg(r.name order by r.name collate "C"), '[]')
                                  from (select distinct line ->> 'repository' as name from lines order by 1 limit 500) r),
               'first', (select line from lines where kind in ('create', 'move', 'mend') order by place limit 1),
               'lines', (select coalesce(jsonb_agg(line order by place), '[]') from lines where place <= 100))
      from lines
$$;

alter table request
    add column head jsonb generated always as (case when jsonb_typeof(plan) = 'object' then plan - 'items' end) stored,
    add column summary jsonb generated always as (plan_summary(plan)) stored;
comment on column request.head is 'The effect plan without its lines.';
comment on column request.summary is 'Its lines counted, the first hundred of them, the first that writes, and the repositories they are in.';
