-- The audit log of a harbor as a hint of what changed: where the last look left off, and whether the log is known to name changes.

alter table project_look add column audit_log text
    constraint project_look_audit_log_known check (audit_log in ('audit-logs', 'auditlog-exts'));
alter table project_look add column audit_id bigint;
alter table project_look add constraint project_look_audit_mark check ((audit_log is null) = (audit_id is null));
comment on column project_look.audit_log is 'Which of the harbor''s two audit logs was read; numbers of one mean nothing in the other.';
comment on column project_look.audit_id is 'The last row up to which none was missing.';

alter table harbor add column audit_proved text
    constraint harbor_audit_proved_known check (audit_proved in ('audit-logs', 'auditlog-exts'));
alter table harbor add column audit_missed_at timestamptz;
comment on column harbor.audit_proved is 'The log of which a run that listed everything found that it names pushes, and none that it did not name since.';
comment on column harbor.audit_missed_at is 'A listing found a change that the audit log did not name: only a run that asks everything again proves the log anew.';
