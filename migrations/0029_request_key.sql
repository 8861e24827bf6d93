-- Keys that callers give their requests, so that one whose answer was lost is not done twice.

create table request_key (
    account_id bigint not null references account,
    key        text not null constraint request_key_len check (length(key) between 1 and 200),
    print      bytea not null constraint request_key_print_len check (octet_length(print) = 32),
    seq        bigint not null references audit_record,
    made_at    timestamptz not null default now(),
    primary key (account_id, key)
);
comment on table request_key is 'Written with the audit record of the change, in its transaction: a key is here exactly when its change is.';
comment on column request_key.print is 'SHA-256 over method, address and body.';
create index request_key_age on request_key (account_id, made_at);
