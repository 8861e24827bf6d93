-- A draft has an unguessable name; the number of a request is given when it is sent off, one after the other, so that none tells of drafts and none can be occupied.

create table request_counter (
    only_row boolean primary key default true constraint request_counter_one_row check (only_row),
    last     bigint not null
);
insert into request_counter (last) select coalesce(max(request_id), 0) from request;

create function next_request_number() returns bigint language sql volatile as
$$ update request_counter set last = last + 1 returning last $$;

-- Rows of drafts are keyed by numbers of their own, below zero, which nobody is told.
create sequence draft_key increment by -1 maxvalue 9223372036854775807 start with -1;

alter table request
    alter column request_id drop identity,
    alter column request_id set default next_request_number(),
    add column draft uuid not null default gen_random_uuid() constraint request_draft_unique unique,
    add column mark  text not null default '';
comment on column request.draft is 'Name of the draft, and of the draft it was; 122 random bits.';
comment on column request.mark is 'What the tags of this restore end with: the beginning of the name of its draft. It is in the effect plan, which is hashed before there is a number.';
-- Plans of before have the number in their tags.
update request set mark = request_id::text;
-- A stored form names no draft: its row does.
update request set form = form - 'draft_id';

alter table request_plan
    drop constraint request_plan_request_id_fkey,
    add constraint request_plan_request foreign key (request_id) references request on update cascade;
