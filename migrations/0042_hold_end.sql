-- Holds end: by themselves at the end they were given, or when somebody who may releases them and says why.
alter table hold add column until timestamptz;
alter table hold add column released_reason text;
comment on column hold.until is 'When it ends by itself; none = never.';
alter table hold add constraint hold_released check ((released_at is null) = (released_by is null));

create view standing_hold as
    select hold_id, snapshot_id, reason, made_by, made_at, until
      from hold where released_at is null and (until is null or until > now());
comment on view standing_hold is 'Holds that keep their snapshot now.';
