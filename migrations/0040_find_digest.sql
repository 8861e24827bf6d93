-- Finding images by their digests, tagged or not, and by the id that docker shows, which is the digest of the configuration.
create index artifact_span_digest on artifact_span (digest);

alter table artifact add column config bytea constraint artifact_config_len check (octet_length(config) = 32);
create index artifact_config on artifact (config) where config is not null;
comment on column artifact.config is
    'Digest of the configuration. Missing for what has none, and for what was entered before it was kept: those are read again when their repository changes.';

alter table harbor add column external_url text;
comment on column harbor.external_url is 'The address the harbor says it has: what stands in front of the names people paste.';
