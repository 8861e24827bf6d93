-- How many tags and artifacts a repository had, beside its index: a page of one moment of a large project asks it of every repository it
-- shows, and counted all their spans. Nothing in a repository changes without its index, so the figure holds as long as the row does.
alter table repository_span add column tags bigint;
alter table repository_span add column artifacts bigint;
update repository_span s
   set tags = (select count(*) from tag_span t
                where t.repository_id = s.repository_id and t.from_at <= s.from_at and (t.to_at is null or t.to_at > s.from_at)),
       artifacts = (select count(*) from artifact_span a
                     where a.repository_id = s.repository_id and a.from_at <= s.from_at and (a.to_at is null or a.to_at > s.from_at));
alter table repository_span alter column tags set not null;
alter table repository_span alter column artifacts set not null;

-- What is open now is a small part of what ever was.
create index artifact_span_open on artifact_span (repository_id) where to_at is null;
create index repository_span_open on repository_span (repository_id) where to_at is null;
