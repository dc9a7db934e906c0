//! `persistq`: the command. All of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(persistq::run(std::env::args_os(), &mut persistq::Streams::of_process()))
}
