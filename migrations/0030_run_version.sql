-- Which Harbor a run spoke with: an upgrade in the middle of a run is shown.

alter table run add column harbor_version_start text;
alter table run add column harbor_version_end text;
comment on column run.harbor_version_start is 'When its first try began; none = the Harbor did not say.';
comment on column run.harbor_version_end is 'When it was last asked: at the start of its last try, and again at the end of one in which requests had to be repeated.';
