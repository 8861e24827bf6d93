-- Finding tags and repositories by a part of their names, over all time: an index of the three letters in a row that names have. Where the
-- database has no pg_trgm, or does not let its owner add it, the same questions are answered by reading more rows.
do $$
begin
    create extension if not exists pg_trgm;
    create index tag_span_part on tag_span using gin (tag gin_trgm_ops);
    create index repository_part on repository using gin (name gin_trgm_ops);
exception
    when undefined_file or feature_not_supported or insufficient_privilege then
        raise warning 'searching takes longer without pg_trgm: %', sqlerrm;
end
$$;

-- Nobody asks by how a tag begins.
drop index tag_span_name;
