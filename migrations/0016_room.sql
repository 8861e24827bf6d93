-- How a vault grows is asked by time.
create index snapshot_by_time on snapshot_ever (vault_id, finished_at);
create index snapshot_copy_by_time on snapshot_copy (vault_id, copied_at);
