//! The simulator against the exchanges recorded from live Harbors: same status, same error codes and messages, same keys
//! in the body, same headers a client depends on.
//!
//! A fixture is one session of a version: the exchanges of all topics in the order they happened, and between them the
//! steps the recording did not keep (`setup`). Bytes of blobs were not recorded, so the replay makes others of the same
//! size and translates every digest; ids are translated through the `Location` headers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic, in helpers too")]

#[path = "recorded/compare.rs"]
mod compare;
#[path = "recorded/replay.rs"]
mod replay;
#[path = "recorded/setup.rs"]
mod setup;

use harbor_sim::Version;

async fn session(version: Version, fixture: &str) {
    let problems = replay::run(version, fixture).await;
    assert!(problems.is_empty(), "{} differences:\n{}", problems.len(), problems.join("\n"));
}

#[tokio::test]
async fn version_2_12_4_answers_as_recorded() {
    session(Version::V2_12_4, include_str!("fixtures/2.12.4.json")).await;
}

#[tokio::test]
async fn version_2_15_2_answers_as_recorded() {
    session(Version::V2_15_2, include_str!("fixtures/2.15.2.json")).await;
}

#[tokio::test]
async fn version_2_16_answers_as_recorded() {
    session(Version::V2_16, include_str!("fixtures/2.16-dev.json")).await;
}
