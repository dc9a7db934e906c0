//! One file: what it holds, what is sure to survive a power loss, and the changes in between.

use super::content::{Content, blocks};

/// What a disk writes whole or not at all.
const SECTOR: u64 = 512;

/// A change, or a sector of one, that did not reach the disk.
pub(super) const OLD: usize = 0;
/// One that did.
pub(super) const NEW: usize = 1;
/// The end of a write that made the file longer: the length is on the disk, the bytes are not.
pub(super) const ZEROS: usize = 2;

#[derive(Clone, Default)]
pub(super) struct File {
    /// What a reader sees.
    live: Content,
    /// What every power loss leaves, before the changes of `log`.
    base: Content,
    log: Vec<Change>,
}

#[derive(Clone)]
pub(super) struct Change {
    what: What,
    fate: Fate,
}

#[derive(Clone)]
enum What {
    Write { offset: u64, bytes: Box<[u8]>, grows: bool },
    Resize { size: u64 },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// No sync since; the next one makes it durable.
    Open,
    /// A sync reported an error: the kernel forgets that it is dirty, no later sync saves it.
    Forsaken,
    /// Durable, and still in the log because an earlier change is forsaken.
    Durable,
}

impl File {
    pub(super) fn durable(content: Content) -> Self {
        Self { live: content.clone(), base: content, log: Vec::new() }
    }

    pub(super) fn live(&self) -> &Content {
        &self.live
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        if bytes.is_empty() {
            return;
        }
        let grows = offset + bytes.len() as u64 > self.live.size();
        self.live.write(bytes, offset);
        self.record(What::Write { offset, bytes: bytes.into(), grows });
    }

    pub(super) fn resize(&mut self, size: u64) {
        if size != self.live.size() {
            self.live.resize(size);
            self.record(What::Resize { size });
        }
    }

    fn record(&mut self, what: What) {
        self.log.push(Change { what, fate: Fate::Open });
    }

    pub(super) fn sync(&mut self) {
        if self.log.iter().all(|change| change.fate != Fate::Forsaken) {
            self.base = self.live.clone();
            self.log.clear();
        }
        self.settle(Fate::Durable);
    }

    /// The sync reported an error.
    pub(super) fn sync_failed(&mut self) {
        self.settle(Fate::Forsaken);
    }

    fn settle(&mut self, fate: Fate) {
        for change in self.log.iter_mut().filter(|change| change.fate == Fate::Open) {
            change.fate = fate;
        }
    }

    /// The changes that a power loss may undo, each with its place in the order of changes.
    pub(super) fn unsure(&self) -> impl Iterator<Item = (usize, &Change)> {
        self.log.iter().enumerate().filter(|(_, change)| change.fate != Fate::Durable)
    }

    /// The content if power fails and of each part of each unsure change (see
    /// [`Change::parts`]) that became which `outcomes` says, in order.
    pub(super) fn after_power_loss(&self, outcomes: &[usize]) -> Content {
        let mut content = self.base.clone();
        let mut outcomes = outcomes.iter().copied();
        for change in &self.log {
            match change.fate {
                Fate::Durable => change.apply(&mut content, std::iter::repeat(NEW)),
                _ => change.apply(&mut content, outcomes.by_ref()),
            }
        }
        content
    }
}

impl Change {
    /// For each part of the change that may reach the disk without the others, the number of
    /// outcomes: [`OLD`] and [`NEW`], and [`ZEROS`] where there are three.
    pub(super) fn parts(&self) -> Vec<usize> {
        match &self.what {
            What::Resize { .. } => vec![2],
            What::Write { offset, bytes, grows } => {
                let mut parts: Vec<_> = blocks(*offset, bytes.len(), SECTOR).map(|_| 2).collect();
                if let (Some(last), true) = (parts.last_mut(), *grows) {
                    *last = 3;
                }
                parts
            }
        }
    }

    /// Takes one outcome for each part.
    fn apply(&self, content: &mut Content, mut outcomes: impl Iterator<Item = usize>) {
        match &self.what {
            What::Resize { size } if outcomes.next() == Some(NEW) => content.resize(*size),
            What::Resize { .. } => {}
            What::Write { offset, bytes, .. } => {
                // In this order `zip` takes no outcome of the next change.
                for (range, outcome) in blocks(*offset, bytes.len(), SECTOR).zip(outcomes) {
                    let start = offset + range.start as u64;
                    match outcome {
                        NEW => content.write(&bytes[range], start),
                        ZEROS => content.extend(start + range.len() as u64),
                        _ => {}
                    }
                }
            }
        }
    }
}
