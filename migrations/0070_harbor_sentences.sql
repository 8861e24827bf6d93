-- What the last contact with a harbor came to, and what is the matter with its staging project, are values (code and figures) as of a job (0067). A
-- text of before becomes a JSON string and is shown as it was said then; so do the lines of check-lists, which are jsonb already.
-- state_detail: null = it was never asked.
alter table harbor alter column state_detail drop default;
alter table harbor alter column state_detail drop not null;
alter table harbor alter column state_detail type jsonb using to_jsonb(nullif(state_detail, ''));
alter table harbor alter column staging_trouble type jsonb using to_jsonb(staging_trouble);
comment on column harbor.state_detail is 'A sentence: {"code": …, figures}, or a string as it was said before there were values; so is staging_trouble.';
