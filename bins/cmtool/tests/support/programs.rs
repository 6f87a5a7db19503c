//! The programs beside cmtool, how their server is set up for proofs, and what it must never answer.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "shared by several test programs, each using a part"
)]
#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

use std::path::PathBuf;

use licensing_testkit::programs;

/// No client may be slowed down: that would only make the proof slower.
pub const SETTINGS: &str = "[rate]\nrequests_per_minute = 0\nticket_failures_per_minute = 0\n";

/// What must never be answered to an honest client, whatever dies.
pub const NEVER: [&str; 7] = [
    "manipulation_detected",
    "server_behind_container",
    "internal",
    "container_damaged",
    "container_rolled_back",
    "update_inconsistent",
    "serial_taken",
];

/// A program beside cmtool; built when this test is run alone.
pub fn program(name: &str) -> PathBuf {
    programs::beside(env!("CARGO_BIN_EXE_cmtool"), name)
}
