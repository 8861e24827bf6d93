//! Bytes of strangers, and what must hold of whatever is read from them: one function per reader, the same for the bounded run in
//! `make test` and for the fuzz targets in `/fuzz`.
//!
//! A target panics where a promise is broken: something is read differently the second time, leads somewhere it must not lead, or takes
//! more room than it came in. That nothing else panics is tested by running it at all.

mod answers;
mod archive;
mod corpus;
mod mutate;
mod readers;
mod records;

pub use corpus::corpus;
pub use mutate::Mutator;

/// One reader of foreign bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name of its fuzz target.
    pub name: &'static str,
    /// Reads the bytes.
    pub run: fn(&[u8]),
    /// How many inputs `make test` tries: about as many as take some seconds.
    pub bounded: u32,
}

const fn target(name: &'static str, run: fn(&[u8]), bounded: u32) -> Target {
    Target { name, run, bounded }
}

/// Every target.
pub const TARGETS: [Target; 9] = [
    target("manifest", readers::manifest, 20_000),
    target("names", readers::names, 40_000),
    target("pasted", readers::pasted, 30_000),
    target("headers", readers::headers, 30_000),
    target("indexes", readers::indexes, 20_000),
    target("records", records::records, 8_000),
    target("answers", answers::answers, 600),
    target("layout", archive::layout, 500),
    target("archive", archive::archive, 700),
];

/// Runs one target by its name.
///
/// # Panics
/// If there is none, or if it breaks a promise.
pub fn run(name: &str, bytes: &[u8]) {
    let found = TARGETS.into_iter().find(|target| target.name == name);
    (found.expect("the fuzz targets are those of the list").run)(bytes);
}
