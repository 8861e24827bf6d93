-- What a finding means, what helps, and how it ended are values (code and figures) as of a job (0067). A text of before becomes a JSON string and is
-- shown as it was said then; so does why a rebuild left something out (vault.rebuilt), and the limits of a snapshot (snapshot_note.limits), which
-- are jsonb already.
-- healed_by: null = it is open, or it was not told.
alter table finding alter column detail type jsonb using to_jsonb(detail);
alter table finding alter column remedy type jsonb using to_jsonb(remedy);
alter table finding alter column healed_by drop default;
alter table finding alter column healed_by drop not null;
alter table finding alter column healed_by type jsonb using to_jsonb(nullif(healed_by, ''));
comment on column finding.detail is 'A sentence: {"code": …, figures}, or a string as it was said before there were values; so are remedy and healed_by.';
