-- A line of a job's log is a value (code and figures) as the job's title is (0067). A line of before becomes a JSON string and is shown as it was said
-- then.
alter table job_log alter column text type jsonb using to_jsonb(text);
comment on column job_log.text is 'What it says: a sentence, as job.title.';
