//! Several processes on one queue: real ones, started, stopped and killed.
//!
//! The processes are this test binary again, see `puppet`. What is measured is printed with
//! `--nocapture`. Most tests run one after the other, so that what they measure is not each other.
//!
//! `PERSIST_QUEUE_KILL_ROUNDS` says how many processes each of the kill tests kills, 25 by default.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "processes/chunks.rs"]
mod chunks;
#[path = "processes/consuming.rs"]
mod consuming;
#[path = "processes/keeping.rs"]
mod keeping;
#[path = "processes/kill.rs"]
mod kill;
#[path = "processes/marks.rs"]
mod marks;
#[path = "processes/measure.rs"]
mod measure;
#[path = "processes/puppet.rs"]
mod puppet;
#[path = "processes/roles.rs"]
mod roles;
#[path = "processes/sharing.rs"]
mod sharing;
#[path = "processes/speed.rs"]
mod speed;
// Windows has no signal that stops a process.
#[cfg(unix)]
#[path = "processes/stopping.rs"]
mod stopping;
#[path = "processes/stress.rs"]
mod stress;
#[path = "support/this_program.rs"]
mod this_program;
#[path = "processes/waking.rs"]
mod waking;

/// What a child process does. In the test binary itself there is nothing to do.
#[test]
fn child() {
    puppet::perform();
}
