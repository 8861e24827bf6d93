-- Vaults in S3 buckets. A vault's path is then the bucket's name as people read it, and unique like a folder's.

create table vault_bucket (
    vault_id      bigint primary key references vault,
    endpoint      text not null,
    plain_http    boolean not null default false,
    ca_pem        text,
    region        text not null,
    bucket        text not null,
    prefix        text not null default '',
    path_style    boolean not null,
    access_key    text not null,
    secret        bytea not null,
    secret_set_at timestamptz not null default now(),
    secret_set_by text not null,
    checks        jsonb not null,
    version       bigint not null default 1
);
comment on column vault.path is 'Folder, or s3://bucket/prefix at host for a vault that has a row in vault_bucket.';
comment on column vault_bucket.secret is 'AES-256-GCM, v1|key id|nonce|ciphertext, bound to table, column and row.';
comment on column vault_bucket.checks is 'The check-list as it came out when the bucket was registered, changed or tested last.';
comment on column vault_bucket.version is 'Grows with every change, so that every process talks to the bucket as it is registered now.';
