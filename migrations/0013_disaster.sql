-- After a disaster: a vault found again is only read until somebody says otherwise, and a catalogue that does not match its vault deletes nothing.

alter table vault add column read_only_since timestamptz;
comment on column vault.read_only_since is 'Since when it is only read: found with snapshots in it that another installation may still add to.';
alter table vault add column compared_at timestamptz;
comment on column vault.compared_at is 'When its pointers were last compared with the catalogue.';
alter table vault add column drift jsonb;
comment on column vault.drift is 'How they differ: unknown, lost and returned snapshots. While there is any, nothing is let go or swept.';
alter table vault add column rebuilt jsonb;
comment on column vault.rebuilt is 'What the last rebuild of the catalogue from it came to.';
