-- What stands before a Harbor may refuse bodies above a size. It is learnt once, by the connection test or by an upload, and kept, so that no other
-- process sends what will be refused.
alter table harbor add column body_max_bytes bigint constraint harbor_body_max_bytes_positive check (body_max_bytes > 0);
comment on column harbor.body_max_bytes is 'Largest request body known to reach the harbor, in bytes; null = no limit was met.';
