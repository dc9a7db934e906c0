//! `persistq`: looks after persist-queue's queues from a shell.

mod demo;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "persistq", version, about = "Queues on disk, from a shell")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    #[command(hide = true)]
    DemoProduce(demo::produce::Args),
    #[command(hide = true)]
    DemoConsume(demo::consume::Args),
}

fn run(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::DemoProduce(args) => demo::produce::run(&args),
        Command::DemoConsume(args) => demo::consume::run(&args),
    }
}

/// 0: done. 1: it went wrong, and standard error says how. 2, from clap: the command is unknown.
fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("persistq: {error}");
            ExitCode::FAILURE
        }
    }
}
