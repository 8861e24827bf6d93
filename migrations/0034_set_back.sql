-- A harbor whose operator restored an older dump: what a look saw, to hold the next one against, and when one found that time went back.

alter table harbor add column sight jsonb;
comment on column harbor.sight is 'What the last look saw of what only grows: times, numbers, the newest row of the audit log.';

create table harbor_set_back (
    set_back_id bigint generated always as identity primary key,
    harbor_id   bigint not null references harbor,
    noticed_at  timestamptz not null default now(),
    looked_at   timestamptz not null,
    kept_until  timestamptz,
    evidence    text not null
);
create index harbor_set_back_newest on harbor_set_back (harbor_id, noticed_at desc);
comment on table harbor_set_back is 'Times a harbor was found set back. Snapshots of the time it lost are spared from retention for a while.';
comment on column harbor_set_back.looked_at is 'The look before, by the harbor''s clock.';
comment on column harbor_set_back.kept_until is 'The newest thing from before that look that is still there: what came after it may be lost. By the harbor''s clock; null = unknown.';

-- What a snapshot says of itself beside its gaps: where the registry may hold more, and when its content was last listed.
create table snapshot_note (
    snapshot_id bigint primary key references snapshot_ever on delete cascade,
    listed_at   timestamptz,
    limits      jsonb not null default '[]'
);
comment on column snapshot_note.listed_at is 'When its content was listed, if it was sealed again later without a listing: labels are as old.';
