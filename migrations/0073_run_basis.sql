-- What a run's first look rested on is a value (code and figures) as of a job (0067). A text of before becomes a JSON string and is shown as it was
-- said then. null = it did not look yet.
alter table run alter column hint drop default;
alter table run alter column hint drop not null;
alter table run alter column hint type jsonb using to_jsonb(nullif(hint, ''));
comment on column run.hint is 'What its first look rested on: a sentence, as in job.title.';
