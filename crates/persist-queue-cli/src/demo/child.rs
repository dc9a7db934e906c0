//! A process of the demonstration, as its parent sees it.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

use super::message::Message;

/// Which process of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Producer(usize),
    Consumer(usize),
}

/// Something that happened in a process.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) who: Who,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Said(Message),
    /// Its output is over, and everything in it was heard.
    Ended,
    /// Its output could not be read or understood.
    Failed(String),
}

/// A child process. Dropped, it is killed: no run leaves processes behind.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
}

impl Child {
    /// Starts this program again with other arguments. What the new process says comes as events.
    pub(crate) fn spawn<I, S>(args: I, who: Who, events: Sender<Event>) -> io::Result<Self>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let program = crate::program::get()?;
        let (first, rest) = program.split_first().ok_or(io::ErrorKind::NotFound)?;
        let mut process = Command::new(first)
            .args(rest)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        if let Some(output) = process.stdout.take() {
            thread::spawn(move || {
                let tell = |what| events.send(Event { who, what }).is_ok();
                for line in BufReader::new(output).lines() {
                    let said = line.map_err(|error| error.to_string());
                    let what =
                        said.and_then(|line| line.parse()).map_or_else(What::Failed, What::Said);
                    if !tell(what) {
                        return;
                    }
                }
                tell(What::Ended);
            });
        }
        Ok(Self { process })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Asks a consumer for a [`Message::Synced`].
    pub(crate) fn ask_for_sync(&mut self) -> io::Result<()> {
        self.process.stdin.as_mut().map_or(Ok(()), |input| input.write_all(b"sync\n"))
    }

    /// Asks a consumer to take what is left and stop.
    pub(crate) fn ask_to_finish(&mut self) {
        drop(self.process.stdin.take());
    }

    pub(crate) fn kill(&mut self) -> io::Result<ExitStatus> {
        self.process.kill()?;
        self.wait()
    }

    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Fails only for a process that has been waited for already, which is what is wanted.
        let _ = self.kill();
    }
}
