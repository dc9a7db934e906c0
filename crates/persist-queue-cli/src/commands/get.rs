//! `persistq get`.

use persist_queue::Wait;
use persist_queue::any::{AnyQueue, Taken};

use super::exec;
use crate::failure::{Exit, Failure, Result};
use crate::open::Source;
use crate::output::{self, Form};
use crate::seconds;
use crate::serializer::Serializer;
use crate::streams::Streams;

/// Items that are taken at once.
const BATCH: usize = 1000;

/// Get items and write them to standard output, a line each
///
/// An item is gone from the queue once it was written and flushed; one that was not comes back.
/// A process that is killed may leave items that were written and come again, at most the last 1,000.
/// Of a queue in a folder only one process at a time can get.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    queue: Source,
    /// How many items to get at most
    #[arg(short, long, value_name = "N", default_value_t = 1, conflicts_with_all = ["all", "follow"])]
    number: u64,
    /// Get all that wait
    #[arg(long, conflicts_with = "follow")]
    all: bool,
    /// Get all that wait and all that come, and never end
    #[arg(long, conflicts_with = "timeout")]
    follow: bool,
    /// How long to wait for each item; `inf` for as long as it takes
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds::wait)]
    timeout: Wait,
    /// Write JSON, a line an item
    #[arg(long)]
    json: bool,
    /// Run this command of the shell for each item, with the item on its standard input; the item is
    /// gone if it exits with 0, else it goes back and nothing more is taken
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    let (mut queue, serializer) = args.queue.open()?;
    let mut got = Got { args, serializer, items: 0, most: BATCH, damage: None };
    let done = got.all(&mut queue, streams);
    let closed = queue.close();
    done?;
    closed?;
    match got.damage {
        Some(damage) => Err(damage),
        None if got.items == 0 && !args.all => {
            Err(Failure::new(Exit::Empty, format!("{} is empty", args.queue.queue)))
        }
        None => Ok(Exit::Done),
    }
}

struct Got<'a> {
    args: &'a Args,
    serializer: Serializer,
    items: u64,
    /// How many are taken at once.
    most: usize,
    /// What was found on the way; the items behind it were taken all the same.
    damage: Option<Failure>,
}

impl Got<'_> {
    fn all(&mut self, queue: &mut AnyQueue, streams: &mut Streams) -> Result<()> {
        let wait = if self.args.follow { Wait::Forever } else { self.args.timeout };
        loop {
            let left = if self.args.all || self.args.follow {
                u64::MAX
            } else {
                self.args.number - self.items
            };
            let batch = if self.args.exec.is_some() { 1 } else { self.most };
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(batch);
            if most == 0 {
                return Ok(());
            }
            let taken = match queue.take(most, wait) {
                Ok(taken) => taken,
                Err(error @ persist_queue::Error::Corrupted { .. }) => {
                    self.damage = Some(self.tell(&error.into(), streams));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if taken.items().is_empty() {
                if self.args.follow {
                    continue;
                }
                return Ok(());
            }
            self.items += self.pass_on(taken, streams)?;
        }
    }

    /// Damage does not end a run: its words come at once, those of the end sum up.
    fn tell(&self, damage: &Failure, streams: &mut Streams) -> Failure {
        let exit = damage.tell(&mut streams.err);
        Failure::new(exit, format!("{} has lost items, see above", self.args.queue.queue))
    }

    fn pass_on(&mut self, taken: Taken<'_>, streams: &mut Streams) -> Result<u64> {
        let form = Form::new(self.args.json);
        let mut values = Vec::with_capacity(taken.items().len());
        for item in taken.items() {
            match output::to_take(self.serializer, &item.payload) {
                Ok(value) => values.push(value),
                Err(why) if values.is_empty() => {
                    let id = item.id;
                    return Err(Failure::failed(format!(
                        "item {id} stays: {why}; 'persistq peek' shows it, and --serializer raw \
                         gets its bytes"
                    )));
                }
                // Those before it are passed on first.
                Err(_) => {
                    self.most = values.len();
                    taken.give_back(false)?;
                    return Ok(0);
                }
            }
        }
        self.most = BATCH;
        if let Some(command) = &self.args.exec {
            for (item, value) in taken.items().iter().zip(&values) {
                if let Err(why) = exec::run(command, item, value, form) {
                    taken.give_back(true)?;
                    return Err(why);
                }
            }
        } else {
            for value in &values {
                form.write(value, &mut streams.out)?;
            }
            streams.out.flush()?;
        }
        taken.finish()?;
        Ok(values.len() as u64)
    }
}
