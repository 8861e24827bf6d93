-- A run that waits for another, and listings of projects that are made by themselves.

alter table job add column after_job_id bigint references job;
create index job_after on job (after_job_id) where after_job_id is not null and state in ('queued', 'running');
comment on column job.after_job_id is 'Not claimed before that job is over: a run that was asked for while another was going on looks for itself after it.';

alter table harbor add column inventory_at timestamptz;
comment on column harbor.inventory_at is 'When its projects were last asked for, or a job that asks was queued.';
