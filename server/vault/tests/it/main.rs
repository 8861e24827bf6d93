//! The vault from outside: one binary, so that it is linked once.

#[cfg(test)]
mod bucket;
#[cfg(test)]
mod common;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod contents;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod interleave;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod power;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod view;
