-- Reading every byte again and again: what was read when, how fast it may be read, and what mended the damage.

alter table vault add column scrub_days integer not null default 30 constraint vault_scrub_days_range check (scrub_days between 1 and 365);
alter table vault add column scrub_mib_s bigint constraint vault_scrub_rate_range check (scrub_mib_s between 1 and 100000);
alter table vault add column scrub_at timestamptz not null default now() + interval '1 hour';
comment on column vault.scrub_days is 'Every byte is to be read within so many days.';
comment on column vault.scrub_mib_s is 'Most MiB that are read for it per second; null = no limit.';
comment on column vault.scrub_at is 'When the next part is due.';

-- Digests are spread evenly, so their first 12 bits cut a vault into 4096 parts of about the same size: 4096 rows tell since when each
-- object has not been read, for 20 objects or 20 million. The vault does not need them: without these rows everything is read again.
create table scrub_part (
    vault_id    bigint not null references vault,
    part        smallint not null constraint scrub_part_range check (part between 0 and 4095),
    verified_at timestamptz not null,
    primary key (vault_id, part)
);
comment on column scrub_part.verified_at is 'When the reading began that last read all of it. What was stored later was hashed when it was stored.';

alter table finding add column healed_by text not null default '';
comment on column finding.healed_by is 'Where the object was had again.';
