-- A gap about a tag says which image the tag points to: another image under the same tag is another gap, whatever its cause. Gaps of snapshots
-- of before it was kept have no digest and are known again as they were, so what was accepted of them stands for them, and for nothing newer.
create or replace function gap_prints(gaps jsonb) returns bytea[] language sql immutable parallel safe as $$
    select coalesce(array_agg(distinct sha256(convert_to(
               case when g ? 'digest' then jsonb_build_array(g ->> 'kind', g ->> 'subject', g ->> 'cause', g ->> 'digest')
                    else jsonb_build_array(g ->> 'kind', g ->> 'subject', g ->> 'cause') end::text, 'UTF8'))), '{}')
      from jsonb_array_elements(gaps) g
     where g ->> 'kind' <> 'kept_elsewhere'
$$;

alter table accepted_gap add column digest text;
comment on column accepted_gap.digest is 'What the tag of the subject pointed to; none = the subject is no tag, or the snapshot did not say.';
