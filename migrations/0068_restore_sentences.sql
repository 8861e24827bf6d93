-- What is said of a restore is a value (code and figures), as of a job (0067): the rule of approval, how it ended, why votes lapsed, and what
-- came of each line. A text of before becomes a JSON string and is shown as it was said then. Effect plans are jsonb already; the warnings of
-- those of before keep their text, and nothing that was hashed is touched.
-- detail: null = there is nothing to say.
alter table request alter column rule type jsonb using to_jsonb(rule);
alter table request alter column outcome_detail type jsonb using to_jsonb(outcome_detail);
alter table vote alter column void_reason type jsonb using to_jsonb(void_reason);
alter table restore_item alter column detail drop default;
alter table restore_item alter column detail drop not null;
alter table restore_item alter column detail type jsonb using to_jsonb(nullif(detail, ''));
comment on column request.rule is 'A sentence: {"code": …, figures}, or a string as it was said before there were values; so are outcome_detail, vote.void_reason and restore_item.detail.';
