-- A harbor's caps are said in the clock of the people there.

alter table harbor add column bandwidth_zone text not null default 'UTC';
comment on column harbor.bandwidth_zone is 'Time zone of its bandwidth caps.';
comment on column harbor.bandwidth is
    'Caps on what backups read, by time of day: from and to as minutes of the day in bandwidth_zone, bytes_per_s. Outside of them none.';
