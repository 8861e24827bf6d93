//! The client against real servers on loopback: distribution, stubs, a faulty proxy, the simulator.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod address_rule;
mod credentials;
mod distribution;
mod faults;
mod front;
mod recordings;
mod simulator;

mod stub;
mod support;
mod tls;
mod uploads;
