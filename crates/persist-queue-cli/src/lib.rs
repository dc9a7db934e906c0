//! `persistq`: looks after persist-queue's queues from a shell. The command and the Python package
//! both call [`run`].

mod commands;
mod demo;
mod failure;
mod input;
mod open;
mod output;
mod program;
mod seconds;
mod serializer;
mod signals;
mod streams;
mod value;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser};

use commands::Command;
pub use failure::Exit;
pub use program::set_program;
pub use streams::Streams;

/// Queues on disk, from a shell
#[derive(Debug, Parser)]
#[command(name = "persistq", version, after_help = HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "\
A QUEUE is a path or a URL:
  my_queue                        what is in this folder or database
  file:my_queue                   the queue in this folder
  sqlite:data.db#jobs?kind=ack    a queue in a database; kinds: fifo, filo, unique, priority,
                                  ack, ack-filo, ack-unique, ack-priority
  mysql://me@host:3306/shop#jobs?kind=ack
                                  a queue on a MySQL or MariaDB server; the password is in the
                                  variable PERSISTQUEUE_MYSQL_PASSWORD, or in the file that
                                  PERSISTQUEUE_MYSQL_PASSWORD_FILE names
  postgresql://me@host:5432/shop#jobs?kind=ack
                                  the same on a PostgreSQL server, with
                                  PERSISTQUEUE_POSTGRES_PASSWORD or ..._FILE
  nats://me@host:4222/jobs?kind=ack
                                  a queue on a NATS server or cluster, fifo or ack, with
                                  PERSISTQUEUE_NATS_PASSWORD or ..._FILE

Exit codes: 0 done, 1 it went wrong, 2 wrong usage, 3 nothing to get, 4 no room to put,
5 no such queue, 6 the queue is damaged; 129, 130, 143 a signal asked it to end.";

/// Runs the command with arguments, the program's name first; gives its exit code, one of [`Exit`].
pub fn run<I, T>(args: I, streams: &mut Streams) -> u8
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(message) => return usage(&without_passwords(message), streams),
    };
    let done = cli.command.run(streams);
    // What is still to be written may fail as well.
    let done = done.and_then(|exit| Ok(streams.out.flush().map(|()| exit)?));
    match done {
        Ok(exit) => exit,
        Err(failure) => failure.tell(&mut streams.err),
    }
    .code()
}

/// What is wrong is repeated, and a URL that is wrong may have a password in it.
fn without_passwords(mut message: clap::Error) -> clap::Error {
    let schemes = ["mysql://", "nats://", "postgresql://", "postgres://"];
    let is_url =
        |value: &ContextValue| schemes.iter().any(|scheme| value.to_string().starts_with(scheme));
    let repeated: Vec<_> = message.context().filter(|(_, value)| is_url(value)).collect();
    for kind in repeated.into_iter().map(|(kind, _)| kind).collect::<Vec<ContextKind>>() {
        message.insert(kind, ContextValue::String("a URL that is not repeated".to_owned()));
    }
    message
}

/// What clap has to say: help and version are asked for, all else is wrong usage.
fn usage(message: &clap::Error, streams: &mut Streams) -> u8 {
    let text = message.render();
    let colored = console::colors_enabled();
    let written = if message.use_stderr() {
        let text = if console::colors_enabled_stderr() {
            text.ansi().to_string()
        } else {
            text.to_string()
        };
        streams.err.write_all(text.as_bytes())
    } else {
        let text = if colored { text.ansi().to_string() } else { text.to_string() };
        streams.out.write_all(text.as_bytes()).and_then(|()| streams.out.flush())
    };
    match written {
        Ok(()) if !message.use_stderr() => Exit::Done.code(),
        _ => Exit::Usage.code(),
    }
}

/// The whole command, for completions and manual pages.
fn command() -> clap::Command {
    Cli::command()
}
