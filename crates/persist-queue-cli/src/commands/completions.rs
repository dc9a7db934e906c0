//! `persistq completions`.

use clap_complete::Shell;

use crate::failure::{Exit, Result};
use crate::streams::Streams;

/// Print what a shell needs to complete commands and options
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::command(), "persistq", &mut script);
    streams.out.write_all(&script)?;
    Ok(Exit::Done)
}
