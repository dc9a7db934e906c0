//! `persistq dead`.

use persist_queue::any::{AnyQueue, SqlStore};
use persist_queue::wait::{Thread, now};
use serde_json::json;

use crate::failure::{Exit, Failure, Result};
use crate::open::Source;
use crate::output::{Form, to_look_at};
use crate::serializer::Serializer;
use crate::streams::Streams;
use crate::value::json::to_json;

/// See and settle dead letters: what was tried too often, or waited too long
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show them: number and item
    List {
        #[command(flatten)]
        queue: Source,
        /// Write JSON, a line each
        #[arg(long)]
        json: bool,
    },
    /// Have them wait again, as if they had never been tried; prints how many
    Requeue(Which),
    /// Remove them for good; prints how many
    Drop(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    #[command(flatten)]
    queue: Source,
    /// Their numbers
    #[arg(value_name = "NUMBER", required_unless_present = "all", conflicts_with = "all")]
    numbers: Vec<i64>,
    /// All of them
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    match &args.what {
        What::List { queue, json } => {
            let (opened, serializer) = queue.open()?;
            list(acknowledged(queue, &opened)?, serializer, *json, streams)?;
        }
        What::Requeue(which) => {
            let (opened, _) = which.queue.open()?;
            let store = acknowledged(&which.queue, &opened)?;
            let count = now(store.requeue_dead(&mut Thread, which.numbers(store)?));
            writeln!(streams.out, "{}", count.map_err(|error| Failure::from(*error))?)?;
        }
        What::Drop(which) => {
            let (opened, _) = which.queue.open()?;
            let store = acknowledged(&which.queue, &opened)?;
            let count = now(store.drop_dead(&mut Thread, which.numbers(store)?));
            writeln!(streams.out, "{}", count.map_err(|error| Failure::from(*error))?)?;
        }
    }
    Ok(Exit::Done)
}

fn acknowledged<'a>(queue: &Source, opened: &'a AnyQueue) -> Result<&'a SqlStore> {
    opened.acknowledged().ok_or_else(|| {
        let queue = &queue.queue;
        Failure::usage(format!("{queue} has no dead letters: only queues with acknowledgements do"))
    })
}

impl Which {
    fn numbers(&self, store: &SqlStore) -> Result<Vec<i64>> {
        if !self.all {
            return Ok(self.numbers.clone());
        }
        let letters = now(store.dead_letters(&mut Thread));
        let letters = letters.map_err(|error| Failure::from(*error))?;
        Ok(letters.into_iter().map(|row| row.id).collect())
    }
}

fn list(store: &SqlStore, serializer: Serializer, json: bool, streams: &mut Streams) -> Result<()> {
    let letters = now(store.dead_letters(&mut Thread)).map_err(|error| Failure::from(*error))?;
    for row in letters {
        let value = to_look_at(serializer, &row.data);
        if json {
            let line = json!({ "id": row.id, "put_at": row.timestamp, "item": to_json(&value) });
            writeln!(streams.out, "{line}")?;
        } else {
            write!(streams.out, "{}\t", row.id)?;
            Form::Lines.write(&value, &mut streams.out)?;
        }
    }
    Ok(())
}
