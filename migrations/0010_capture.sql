-- Cheap runs and what a Harbor may be asked: what the last look showed of each project, and settings of a harbor.

alter table plan add column full_every_h integer not null default 24
    constraint plan_full_every_range check (full_every_h between 1 and 720);
comment on column plan.full_every_h is 'Hours after which a run lists everything again, whatever the hints say.';

alter table run add column hint text not null default '';
alter table run add column projects_unchanged bigint not null default 0;
comment on column run.hint is 'What its first look rested on, one sentence.';
comment on column run.projects_unchanged is 'Projects it sealed again without listing them.';

create table project_look (
    project_id   bigint not null references project,
    vault_id     bigint not null references vault,
    digest       bytea not null constraint project_look_digest_len check (octet_length(digest) = 32),
    foreign_id   bigint not null,
    repositories bigint not null,
    seen_at      timestamptz not null,
    primary key (project_id, vault_id)
);
comment on table project_look is 'A project as it was when it was last listed or found unchanged. Of use only while digest is its newest snapshot.';
comment on column project_look.seen_at is 'By the harbor''s clock.';

alter table harbor add column hint_missed_at timestamptz;
comment on column harbor.hint_missed_at is 'A full listing found what update times did not show: they are not used until one finds nothing.';
alter table harbor add column staging boolean not null default false;
comment on column harbor.staging is 'Whether images that a policy blocks may be copied into a project of our own and read there.';
alter table harbor add column bandwidth jsonb not null default '[]';
comment on column harbor.bandwidth is 'Caps by time of day: from and to as minutes of the day in UTC, bytes_per_s. Outside of them there is none.';
