//! Two builds of this library on the same files: what the one writes the other reads, also while
//! both are at work.
//!
//! `PERSIST_QUEUE_OTHER` names the other build: this test program for another processor, with the
//! emulator that runs it in front. Without it the other one is this program itself.
#![cfg(feature = "sqlite")]
// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "exchange/files.rs"]
mod files;
#[path = "exchange/queues.rs"]
mod queues;
#[path = "support/this_program.rs"]
mod this_program;

use std::process::{Child, Command, Stdio};

use this_program::this_program;

/// Words for the other build, separated by line ends.
const ROLE: &str = "PERSIST_QUEUE_EXCHANGE";

/// Another process, until it has ended well.
struct Other(Child);

/// Has the other build do something.
fn other(words: &[&str]) -> Other {
    let other = std::env::var("PERSIST_QUEUE_OTHER").unwrap_or_default();
    let mut program = other.split_whitespace();
    let mut command = match program.next() {
        Some(first) => Command::new(first),
        None => this_program(),
    };
    command.args(program).args(["--exact", "the_other_one", "--nocapture", "--test-threads=1"]);
    Other(command.env(ROLE, words.join("\n")).stdout(Stdio::null()).spawn().unwrap())
}

impl Other {
    #[track_caller]
    fn finish(mut self) {
        assert!(self.0.wait().unwrap().success(), "the other build failed");
    }
}

/// What the other build does. In the test program itself there is nothing to do.
#[test]
fn the_other_one() {
    let Ok(words) = std::env::var(ROLE) else { return };
    let words: Vec<&str> = words.lines().collect();
    match words[0] {
        "write" => files::write(words[1].as_ref()),
        "put" => queues::put(words[1], words[2].as_ref(), words[3]),
        "get" => {
            let got = queues::get(words[1], words[2].as_ref(), words[4].parse().unwrap());
            std::fs::write(words[3], got.join("\n")).unwrap();
        }
        "fill" => queues::fill(words[1].as_ref()),
        role => panic!("there is no role '{role}'"),
    }
}
