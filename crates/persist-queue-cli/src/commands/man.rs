//! `persistq man`.

use std::path::PathBuf;

use clap_mangen::Man;

use crate::failure::{Exit, Failure, Result};
use crate::streams::Streams;

/// Print the manual page, or write those of all commands into a folder
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write `persistq.1`, `persistq-put.1` and so on into this folder, which must be there
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    if let Some(dir) = &args.dir {
        clap_mangen::generate_to(crate::command(), dir).map_err(|error| {
            Failure::failed(format!("cannot write manual pages in {}: {error}", dir.display()))
        })?;
        return Ok(Exit::Done);
    }
    let mut page = Vec::new();
    Man::new(crate::command()).render(&mut page)?;
    streams.out.write_all(&page)?;
    Ok(Exit::Done)
}
