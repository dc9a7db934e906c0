//! `persistq top`.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use console::{Key, Term, style};
use persist_queue::any::{AnyView, Locator, Stats};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use super::stats::kind;
use crate::failure::{Exit, Failure, Result};
use crate::{seconds, signals};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// How many depths are kept to be drawn.
const HISTORY: usize = 60;
/// What is left of each line of what a queue has.
const COLUMNS: usize = 58;

/// Watch queues on a full screen: how deep they are, and how fast that changes; `q` ends it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The queues: paths or URLs
    #[arg(value_name = "QUEUE", required = true)]
    queues: Vec<Locator>,
    /// How often to look
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds::duration)]
    every: Duration,
}

pub(crate) fn run(args: &Args) -> Result<Exit> {
    let term = Term::stdout();
    if !term.is_term() {
        return Err(Failure::usage(
            "top needs a terminal; 'persistq stats --json' is for programs",
        ));
    }
    let mut rows: Vec<Row> = args.queues.iter().cloned().map(Row::new).collect();
    let screen = Screen::enter(&term)?;
    // Gone before the screen is given back: whoever reads keys must not do so any more.
    let (sender, events) = mpsc::channel();
    let asked = sender.clone();
    signals::on_ending(move |exit| _ = asked.send(Some(exit)))?;
    let keys = term.clone();
    std::thread::spawn(move || read_keys(&keys, &sender));
    loop {
        rows.iter_mut().for_each(Row::look);
        screen.draw(&rows)?;
        // The thread for signals has a sender until the end: without an event this takes its time.
        if let Ok(Some(exit)) = events.recv_timeout(args.every) {
            return Ok(exit);
        }
    }
}

/// Says whether each key ends it. The terminal is raw while a key is waited for: behind the last one it
/// must not be.
fn read_keys(term: &Term, pressed: &Sender<Option<Exit>>) {
    while let Ok(key) = term.read_key_raw() {
        let end = ends(&key).then_some(Exit::Done);
        if pressed.send(end).is_err() || end.is_some() {
            return;
        }
    }
}

fn ends(key: &Key) -> bool {
    matches!(key, Key::Char('q') | Key::Escape | Key::CtrlC)
}

/// The other screen of a terminal, which shows its old one again afterwards.
struct Screen<'a> {
    term: &'a Term,
    /// The terminal that keys come from, as it was. It is raw if this ends while a key is waited for.
    before: Option<(Termios, OwnedFd)>,
}

impl<'a> Screen<'a> {
    fn enter(term: &'a Term) -> Result<Self> {
        let before = keyboard().and_then(|tty| Ok((tcgetattr(&tty)?, tty))).ok();
        let screen = Self { term, before };
        term.write_str("\x1b[?1049h\x1b[?25l")?;
        Ok(screen)
    }

    fn draw(&self, rows: &[Row]) -> Result<()> {
        let (height, width) = self.term.size();
        let (height, width) = (usize::from(height), usize::from(width));
        let mut text = String::from("\x1b[H");
        let title = format!(
            "{:<24} {:<10} {:>9} {:>10}  DEPTH OVER TIME",
            "QUEUE", "KIND", "DEPTH", "PER SECOND"
        );
        let lines = std::iter::once(style(cut(&title, width)).bold().to_string())
            .chain(rows.iter().map(|row| cut(&row.line(width), width)))
            .take(height.saturating_sub(1));
        for line in lines {
            let _ = write!(text, "{line}\x1b[K\r\n");
        }
        text.push_str("\x1b[J");
        text.push_str(&cut("q ends", width));
        self.term.write_str(&text)?;
        Ok(self.term.flush()?)
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing anyway.
        let _ = self.term.write_str("\x1b[?25h\x1b[?1049l");
        if let Some((settings, tty)) = &self.before {
            let _ = tcsetattr(tty, OptionalActions::Now, settings);
        }
    }
}

/// Where keys are read from: as `Term` does it.
fn keyboard() -> io::Result<OwnedFd> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return stdin.as_fd().try_clone_to_owned();
    }
    Ok(File::open("/dev/tty")?.into())
}

fn cut(line: &str, width: usize) -> String {
    console::truncate_str(line, width, "…").into_owned()
}

/// One queue, and what it was like.
struct Row {
    queue: Locator,
    kind: &'static str,
    /// What was last seen, or why nothing was.
    seen: Result<Stats, String>,
    depths: VecDeque<u64>,
    looked: Option<Instant>,
    rate: Option<f64>,
}

impl Row {
    fn new(queue: Locator) -> Self {
        let (seen, depths) = (Ok(Stats::default()), VecDeque::new());
        Self { queue, kind: "", seen, depths, looked: None, rate: None }
    }

    #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 nobody reads the last digit")]
    fn look(&mut self) {
        let now = Instant::now();
        let seen =
            AnyView::open(&self.queue).and_then(|view| Ok((kind(view.place()), view.stats()?)));
        let Ok((kind, stats)) = seen.map_err(|error| self.seen = Err(error.to_string())) else {
            (self.looked, self.rate) = (None, None);
            return;
        };
        self.rate = self.looked.zip(self.depths.back()).map(|(then, before)| {
            (stats.depth as f64 - *before as f64) / (now - then).as_secs_f64().max(1e-3)
        });
        self.looked = Some(now);
        self.kind = kind;
        self.depths.push_back(stats.depth);
        if self.depths.len() > HISTORY {
            self.depths.pop_front();
        }
        self.seen = Ok(stats);
    }

    fn line(&self, width: usize) -> String {
        let name = console::truncate_str(&self.queue.to_string(), 24, "…").into_owned();
        match &self.seen {
            Err(why) => format!("{name:<24} {why}"),
            Ok(stats) => {
                let rate = self.rate.map_or_else(String::new, |rate| format!("{rate:+.1}"));
                let room = width.saturating_sub(COLUMNS);
                let drawn = sparkline(&self.depths, room);
                format!("{name:<24} {:<10} {:>9} {rate:>10}  {drawn}", self.kind, stats.depth)
            }
        }
    }
}

/// The last depths, as bars: the deepest of them is the highest.
fn sparkline(depths: &VecDeque<u64>, room: usize) -> String {
    let last = depths.iter().skip(depths.len().saturating_sub(room));
    let most = last.clone().copied().max().unwrap_or(0).max(1);
    last.map(|depth| {
        let step = u128::from(*depth) * (BARS.len() as u128 - 1) / u128::from(most);
        BARS[usize::try_from(step).unwrap_or(0).min(BARS.len() - 1)]
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_is_the_highest_and_only_the_last_ones_are_drawn() {
        let depths = VecDeque::from([100, 0, 35, 70]);
        assert_eq!(sparkline(&depths, 4), "█▁▃▅");
        assert_eq!(sparkline(&depths, 3), "▁▄█");
        assert_eq!(sparkline(&VecDeque::from([0, u64::MAX]), 9), "▁█");
        assert_eq!(sparkline(&depths, 0), "");
    }
}
