-- A password that somebody else set is used once: whoever signs in with it has to choose another before anything else.
-- Whoever could set a password could vote in its owner's name, so for a day after a reset the account does not vote.
alter table account
    add column must_change_password boolean not null default false,
    add column no_vote_until timestamptz;
comment on column account.no_vote_until is 'Set by a reset of the password.';

-- Tries are judged by name and address together, so that a stranger cannot lock a person out from elsewhere, and by each alone at
-- higher limits. Names are kept as hashes: people type passwords into the wrong field.
delete from sign_in_throttle;
alter table sign_in_throttle
    drop constraint sign_in_throttle_kind,
    add constraint sign_in_throttle_kind check (kind in ('pair', 'login', 'address')),
    add column good_at timestamptz;
comment on column sign_in_throttle.good_at is 'Of a pair: when this name signed in from this address last; such a pair is let through where its address is over its limit.';
create index sign_in_throttle_old on sign_in_throttle (greatest(window_start, good_at));
