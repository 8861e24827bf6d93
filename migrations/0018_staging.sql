-- Images that a policy blocks, read through a project of our own in the harbor: which, as whom, what was found in it, when it was used.

alter table harbor add column staging_project text;
comment on column harbor.staging_project is
    'The staging project. Written before it is made and forgotten after it is gone, so that a crash leaves none that nobody knows.';
alter table harbor add column staging_login text;
alter table harbor add column staging_secret bytea;
comment on column harbor.staging_secret is 'Sealed like read_secret.';
alter table harbor add constraint harbor_staging_pair check ((staging_login is null) = (staging_secret is null));
alter table harbor add constraint harbor_staging_whole
    check (not staging or (staging_project is not null and staging_login is not null));

alter table harbor add column staging_looked_at timestamptz;
alter table harbor add column staging_left bigint not null default 0;
alter table harbor add column staging_foreign text[] not null default '{}';
alter table harbor add column staging_trouble text;
alter table harbor add column staging_replicated text[] not null default '{}';
comment on column harbor.staging_left is 'Copies of work that is over and that could not be removed, at the last look.';
comment on column harbor.staging_foreign is 'Repositories in it that are none of ours. While there are any, nothing is copied.';
comment on column harbor.staging_trouble is 'Why the last look, or clearing it, did not succeed.';
comment on column harbor.staging_replicated is 'Replication policies of the harbor that would copy on what is copied into it.';

create table staging_use (
    run_id     bigint primary key references run,
    project    text not null,
    started_at timestamptz not null default now(),
    ended_at   timestamptz,
    images     bigint not null default 0,
    projects   text[] not null default '{}'
);
comment on table staging_use is 'Runs that copied images into a staging project: one row from before the first copy on.';
comment on column staging_use.project is 'The staging project.';
comment on column staging_use.projects is 'Projects from which images were copied.';
