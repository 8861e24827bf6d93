-- Snapshots say of a gap what they say as values too (code and figures beside each sentence), so that each reader has it in their language. What
-- an owner accepted keeps them with it; null = the snapshot had sentences alone. What a gap is known again by (gap_prints) stays as it was.
alter table accepted_gap add column values jsonb;
comment on column accepted_gap.values is 'The gap''s sentences as values, as its snapshot had them.';
