//! The client against real servers on loopback: distribution, stubs, a faulty proxy, the simulator.

mod address_rule;
mod credentials;
mod distribution;
mod faults;
mod recordings;
mod simulator;

mod stub;
mod support;
mod uploads;
