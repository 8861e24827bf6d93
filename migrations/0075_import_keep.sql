-- Whose word keeps the images that came from files, and until when. No plan has them, so no rule lets them go: without a word of a person they
-- are all kept.
create table import_keep (
    snapshot_id bigint primary key references snapshot_ever,
    owner       text not null,
    until       timestamptz,
    decided_by  text not null,
    decided_at  timestamptz not null default now()
);
create index import_keep_until on import_keep (until) where until is not null;
comment on column import_keep.owner is 'Login of who answers for keeping them.';
comment on column import_keep.until is 'After which they may go, by a sweep of their vault; none = not before somebody says so.';
comment on column import_keep.decided_at is 'Nothing goes by it for a day.';
