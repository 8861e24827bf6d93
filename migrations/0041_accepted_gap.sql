-- Gaps that an owner accepted, and what makes a snapshot a good one.

-- A gap is known again by its kind, its subject and its cause, exactly: another digest, kind or cause is another gap. What is only named and
-- can be restored all the same (kept in another repository) is none.
create function gap_prints(gaps jsonb) returns bytea[] language sql immutable parallel safe as $$
    select coalesce(array_agg(distinct sha256(convert_to(jsonb_build_array(g ->> 'kind', g ->> 'subject', g ->> 'cause')::text, 'UTF8'))), '{}')
      from jsonb_array_elements(gaps) g
     where g ->> 'kind' <> 'kept_elsewhere'
$$;
-- Whether gaps are about a tag of a repository, about all of it, or about the artifact the tag points to.
create function gaps_hide(gaps jsonb, repository text, tag text, digest bytea) returns boolean language sql immutable parallel safe as $$
    select exists (select from jsonb_array_elements(gaps) g
                    where g ->> 'kind' <> 'kept_elsewhere'
                      and g ->> 'subject' in (repository, repository || ':' || tag, repository || '@sha256:' || encode(digest, 'hex')))
$$;

alter table snapshot_ever add column gap_prints bytea[] not null generated always as (gap_prints(gaps)) stored;
comment on column snapshot_ever.gap_prints is 'What its gaps are known again by. Computed, so that it cannot differ from them.';

create table accepted_gap (
    accepted_gap_id bigint generated always as identity primary key,
    project_id      bigint not null references project,
    print           bytea not null constraint accepted_gap_print_len check (octet_length(print) = 32),
    kind            text not null,
    subject         text not null,
    cause           text not null,
    reason          text not null constraint accepted_gap_reason_length check (length(reason) between 10 and 500),
    until           timestamptz not null,
    accepted_by     text not null,
    accepted_at     timestamptz not null default now(),
    revoked_at      timestamptz,
    revoked_by      text,
    revoked_reason  text,
    constraint accepted_gap_end check (until > accepted_at and until <= accepted_at + interval '366 days'),
    constraint accepted_gap_revoked check ((revoked_at is null) = (revoked_by is null) and (revoked_at is null) = (revoked_reason is null))
);
create index accepted_gap_print on accepted_gap (project_id, print);

create view standing_acceptance as
    select accepted_gap_id, project_id, print, kind, subject, cause, reason, until, accepted_by, accepted_at
      from accepted_gap where revoked_at is null and until > now();
comment on view standing_acceptance is 'Acceptances that count now.';

create view good_snapshot as
    select s.snapshot_id, s.project_id, s.run_id, s.vault_id, s.moment, cardinality(s.gap_prints) as gaps_accepted
      from snapshot_ever s
     where s.expired_at is null and s.degraded_at is null
       and not exists (select from unnest(s.gap_prints) p (print)
                        where not exists (select from standing_acceptance a where a.project_id = s.project_id and a.print = p.print));
comment on view good_snapshot is
    'Snapshots that count as good: kept, nothing known to be damaged, each gap accepted. Whatever says "good" or "last good" asks here.';

-- Whoever looks for the newest good one goes through them by time.
drop index snapshot_newest_good;
