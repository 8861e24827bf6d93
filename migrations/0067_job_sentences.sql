-- What is said of a job is a value (code and figures) and no longer a text, so that each reader has it in their language. A text of before
-- becomes a JSON string, which is shown as it was said then. The column is jsonb and not text with JSON in it: a title of before that begins
-- with a brace must not be taken for a value.
-- phase: null = it has not said where it stands.
alter table job alter column title type jsonb using to_jsonb(title);
alter table job alter column phase drop default;
alter table job alter column phase drop not null;
alter table job alter column phase type jsonb using to_jsonb(nullif(phase, ''));
comment on column job.title is 'A sentence: {"code": …, figures}, or a string as it was said before there were values.';
comment on column job.phase is 'A sentence, as title is.';

-- The same for why a try failed and what helps.
alter table job alter column error type jsonb using to_jsonb(error);
alter table job alter column remedy type jsonb using to_jsonb(remedy);
alter table run alter column error type jsonb using to_jsonb(error);
comment on column job.error is 'A sentence, as title is; so is remedy.';
comment on column run.error is 'A sentence, as in job.';
