//! Behaviour on a real Postgres: leases, the audit chain, sessions, spans, votes, the gate. Each test has a database of its own.

mod audit;
mod bucket;
mod capture;
mod catalogue;
mod copies;
mod disaster;
mod find;
mod front;
mod gaps;
mod holds;
mod house;
mod imports;
mod jobs;
mod keeping;
mod lock;
mod looks;
mod requests;
mod room;
mod scope;
mod scrub;
mod sessions;
mod settings;
mod staging;
mod votes;
mod web;
mod world;
