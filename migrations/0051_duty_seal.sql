-- The end of the set-up: from the moment three people hold the three duties nobody holds two of them.

create table duty_seal (
    only_row  boolean primary key default true constraint duty_seal_one_row check (only_row),
    sealed_at timestamptz not null default now()
);
comment on table duty_seal is 'No row while the first account still has several duties. Its row is made once and nothing takes it away.';
