-- A form that was sent after its session ended is kept over the sign-in, for the account that had the session.
alter table came_back add column account_id bigint references account;
comment on column came_back.account_id is 'Only to this account is it shown; none = to whoever has code and cookie.';

-- Single keys can be in the way of speech input and of switches.
alter table account add column single_keys boolean not null default true;
comment on column account.single_keys is 'Whether single keys (/, g and a letter, [, ], ?) do something in the console.';
