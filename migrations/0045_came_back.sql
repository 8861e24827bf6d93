-- What came of a form that was posted without the browser part: its refusal and its fields, until its page shows them. The page's address carries a code and the
-- browser a cookie, so that nobody can make an address that fills a form, or shows a text, in somebody else's browser.
create table came_back (
    came_back_key bytea primary key constraint came_back_key_len check (octet_length(came_back_key) = 32),
    content       bytea not null constraint came_back_content_len check (octet_length(content) <= 131072),
    made_at       timestamptz not null default now()
);
comment on column came_back.came_back_key is 'SHA-256 of code and cookie: the table opens nothing.';
comment on column came_back.content is 'JSON; no secrets. Rows are deleted after a quarter of an hour, when another is written.';
create index came_back_age on came_back (made_at);
