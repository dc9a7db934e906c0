//! A process that takes lines, from whichever producer they are.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use persist_queue::Wait;

use super::message::{MARKER, Message};
use super::{Item, open, text};

/// How many lines are taken, and told, at once.
const BATCH: usize = 64;
/// How long one take waits before the parent's wishes are looked at again.
const PATIENCE: Duration = Duration::from_millis(20);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    pub(crate) queue: PathBuf,
    #[arg(long)]
    pub(crate) text: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let text: Vec<String> = text::read(&args.text, &(0..u64::MAX))?.collect::<io::Result<_>>()?;
    let wishes = Wishes::listen();
    let queue = open(&args.queue)?;
    let mut out = io::stdout().lock();
    loop {
        // Both are looked at before the take: what they promise holds for what was taken by now.
        if wishes.sync.swap(false, Ordering::SeqCst) {
            writeln!(out, "{}", Message::Synced)?;
        }
        let last_round = wishes.finish.load(Ordering::SeqCst);
        let items = queue.get_many(BATCH, Wait::For(PATIENCE))?;
        if items.is_empty() {
            if last_round {
                break;
            }
            continue;
        }
        tell(&mut out, &items, &text)?;
    }
    queue.close()?;
    Ok(())
}

fn tell(out: &mut impl Write, items: &[Item], text: &[String]) -> io::Result<()> {
    let numbers = items.iter().map(|(number, _)| *number).collect();
    writeln!(out, "{}", Message::Took(numbers))?;
    for (number, line) in items {
        if *number != MARKER && text.get(*number as usize) != Some(line) {
            writeln!(out, "{}", Message::Altered(*number))?;
        }
    }
    Ok(())
}

/// What the parent wants: a line on standard input asks for a [`Message::Synced`], its end to take
/// what is left and stop.
#[derive(Debug, Default)]
struct Wishes {
    sync: AtomicBool,
    finish: AtomicBool,
}

impl Wishes {
    fn listen() -> Arc<Self> {
        let wishes = Arc::new(Self::default());
        let heard = Arc::clone(&wishes);
        thread::spawn(move || {
            for _ in io::stdin().lines().map_while(Result::ok) {
                heard.sync.store(true, Ordering::SeqCst);
            }
            heard.finish.store(true, Ordering::SeqCst);
        });
        wishes
    }
}
