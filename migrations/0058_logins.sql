-- What a harbor told of the robots behind its logins, and when it was asked: each `{purpose, login, told, expires, surplus}`.
alter table harbor
    add column logins jsonb not null default '[]',
    add column logins_at timestamptz;
