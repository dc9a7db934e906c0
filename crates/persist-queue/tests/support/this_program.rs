//! This test program again, as another process.

use std::process::Command;

/// How to start it. A program for another processor is started as the tests were: by the emulator
/// that `PERSIST_QUEUE_EMULATOR` names, with its options.
pub(crate) fn this_program() -> Command {
    let program = std::env::current_exe().unwrap();
    let emulator = std::env::var("PERSIST_QUEUE_EMULATOR").unwrap_or_default();
    let mut words = emulator.split_whitespace();
    match words.next() {
        Some(emulator) => {
            let mut command = Command::new(emulator);
            command.args(words).arg(program);
            command
        }
        None => Command::new(program),
    }
}
