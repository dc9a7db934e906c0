//! The head of the log: where records are written.

use std::io;
use std::ops::RangeInclusive;
use std::path::Path;

use super::control::Position;
use super::record::{self, Record};
use super::segment::{self, Header, Segment};
use crate::error::Context;
use crate::storage::{Access, Storage, StorageMap};
use crate::{Error, Result};

/// How many of the last bytes stay in memory for whoever takes what was just put.
const RECENT: usize = 256 * 1024;

/// How much of a segment is mapped at a time, in bytes: as much as there is, within these bounds. The
/// room for it is allocated, so that a small queue does not take much.
const MAPPED: RangeInclusive<u64> = 64 * 1024..=1024 * 1024;

/// What is larger is written in one call: that takes no longer than to have its pages mapped.
const MAPPED_AT_ONCE: usize = 32 * 1024;

/// When a segment is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) records: u64,
    /// Fewer bytes are not ended by the number of records.
    pub(super) least: u64,
    pub(super) bytes: u64,
}

/// The open segment at the head.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) segment: Segment,
    /// Where the next record goes.
    pub(super) at: Position,
    /// Where the last record starts, 0 where the segment holds none.
    pub(super) last_offset: u64,
    /// Nothing may be written behind what failed.
    sealed: bool,
    /// What failed is still there, and could not be cut off.
    uncut: bool,
    recent: Vec<u8>,
    recent_start: u64,
    map: Option<Box<dyn StorageMap>>,
    /// It cannot be mapped, or failed where it was.
    plain: bool,
}

impl Head {
    pub(super) fn new(segment: Segment, at: Position, last_offset: u64) -> Self {
        // Without a header nobody could tell where its records end.
        let sealed = segment.header.is_none();
        Self {
            segment,
            at,
            last_offset,
            sealed,
            uncut: false,
            recent: Vec::new(),
            recent_start: at.offset,
            map: None,
            plain: false,
        }
    }

    pub(super) fn is_full(&self, limits: Limits) -> bool {
        let first = self.segment.header.as_ref().map_or(0, |header| header.first_sequence);
        let records = self.at.sequence.saturating_sub(first);
        self.sealed
            || (records >= limits.records && self.at.offset >= limits.least)
            || (records > 0 && self.at.offset >= limits.bytes)
    }

    /// The record at `at` where its bytes are still in memory. They never left this process: no
    /// checksum needed.
    #[inline]
    pub(super) fn recent(&self, at: Position) -> Option<Record<'_>> {
        if at.segment != self.at.segment {
            return None;
        }
        let from = usize::try_from(at.offset.checked_sub(self.recent_start)?).ok()?;
        let bytes = self.recent.get(from..).filter(|bytes| !bytes.is_empty())?;
        let payload = record::trusted_payload(bytes);
        Some(Record { sequence: at.sequence, payload, marked: false })
    }

    pub(super) fn forget_recent(&mut self) {
        self.recent.clear();
        self.recent_start = self.at.offset;
    }

    /// Writes records in one piece, through a mapping where they end in the first `mapped` bytes of the
    /// segment. Either all are there afterwards or, on an error, none.
    pub(super) fn append<P: AsRef<[u8]>>(
        &mut self,
        salt: u32,
        payloads: &[P],
        mapped: u64,
    ) -> Result<()> {
        self.check_numbers(payloads.len() as u64)?;
        if self.recent.len() > RECENT {
            self.forget_recent();
            // Keeps the memory, but not for ever what one large record took.
            self.recent.shrink_to(2 * RECENT);
        }
        if let [only] = payloads
            && only.as_ref().len() > MAPPED_AT_ONCE
        {
            return self.append_large(salt, only.as_ref());
        }
        let start = self.recent.len();
        let mut last = start;
        for (sequence, payload) in (self.at.sequence..).zip(payloads) {
            last = self.recent.len();
            record::encode(&mut self.recent, salt, sequence, payload.as_ref());
        }
        if let Err(error) = self.write(start, mapped) {
            self.recent.truncate(start);
            return self.refuse(error);
        }
        self.last_offset = self.at.offset + (last - start) as u64;
        self.at.offset += (self.recent.len() - start) as u64;
        self.at.sequence += payloads.len() as u64;
        Ok(())
    }

    /// Writes a record whose payload is not copied before: that would take as long as the call.
    fn append_large(&mut self, salt: u32, payload: &[u8]) -> Result<()> {
        let header = record::header(salt, self.at.sequence, payload);
        let pieces = [&header, payload, record::padding(payload)];
        if let Err(error) = self.segment.file.write_pieces_at(&pieces, self.at.offset) {
            return self.refuse(error);
        }
        self.last_offset = self.at.offset;
        self.at.offset += record::frame_size(payload.len());
        self.at.sequence += 1;
        self.forget_recent();
        Ok(())
    }

    /// Takes back what a write that failed may have left.
    #[cold]
    fn refuse(&mut self, error: io::Error) -> Result<()> {
        self.plain = true;
        self.cut();
        Err(error).context("write", &self.segment.path)
    }

    /// Writes what is in memory from `start` on.
    #[inline]
    fn write(&mut self, start: usize, mapped: u64) -> io::Result<()> {
        let bytes = &self.recent[start..];
        let (mut offset, end) = (self.at.offset, self.at.offset + bytes.len() as u64);
        if end <= mapped && bytes.len() <= MAPPED_AT_ONCE {
            if self.map.as_ref().is_none_or(|map| end > map.range().end) {
                self.map_more(end, mapped);
            }
            if let Some(map) = self.map.as_mut().filter(|map| end <= map.range().end) {
                for frame in record::frames(&self.recent[start..]) {
                    map.publish(frame, offset)?;
                    offset += frame.len() as u64;
                }
                return Ok(());
            }
        }
        self.segment.file.write_all_at(&self.recent[start..], offset)
    }

    /// Refuses more records than there are numbers for: only a forged file brings a queue to the last one.
    #[inline]
    fn check_numbers(&self, records: u64) -> Result<()> {
        if record::MOST.saturating_sub(self.at.sequence) < records {
            return out_of_numbers(&self.segment.path);
        }
        Ok(())
    }

    #[cold]
    fn map_more(&mut self, end: u64, most: u64) {
        self.map = None;
        if !self.plain {
            let from = self.at.offset;
            let until = from + from.clamp(*MAPPED.start(), *MAPPED.end());
            self.map = self.segment.file.map(from..until.min(most).max(end));
            self.plain = self.map.is_none();
        }
    }

    /// Has the next record mapped anew where the file ends before the mapping does: another process cut
    /// it. Writing there would fail.
    pub(super) fn check_map(&mut self, size: u64) {
        self.map = self.map.take().filter(|map| map.range().end <= size);
    }

    /// Moves to another place of the same segment, behind what another process wrote.
    pub(super) fn move_to(&mut self, at: Position, last_offset: u64) {
        let map = self.map.take();
        *self = Self { map, ..Self::new(self.segment.clone(), at, last_offset) };
    }

    pub(super) fn is_mapped(&self) -> bool {
        self.map.is_some()
    }

    /// Gives back the room that was allocated for records to come.
    pub(super) fn trim(&mut self) {
        self.map = None;
        if self.segment.file.size().is_ok_and(|size| size > self.at.offset) {
            // Where it fails it costs space, not items.
            let _ = self.segment.file.set_size(self.at.offset);
        }
    }

    /// Takes back everything behind `at`, and lets nothing more be written in this segment.
    pub(super) fn withdraw(&mut self, at: Position, last_offset: u64) {
        self.at = at;
        self.last_offset = last_offset;
        self.forget_recent();
        self.cut();
        // The disk may have them though it said that it has not. That they are cut off must survive
        // a dead machine if it can.
        let _ = self.segment.file.sync();
        self.sealed = true;
    }

    /// Lets nothing more be written in this segment.
    pub(super) fn seal(&mut self) {
        self.sealed = true;
    }

    /// Removes what a failed write left behind the head.
    fn cut(&mut self) {
        self.map = None;
        // What cannot be cut stays in a segment that nobody writes any more. The header of the
        // next one says where the valid records end.
        self.uncut = self.segment.file.set_size(self.at.offset).is_err();
        self.sealed |= self.uncut;
    }

    /// Tries again to remove it, before somebody looks who does not know that it failed.
    pub(super) fn cut_again(&mut self) {
        if self.uncut {
            self.cut();
        }
    }

    /// Makes the segment behind this one; it becomes the head with [`Head::new`].
    pub(super) fn next(&self, storage: &dyn Storage, dir: &Path, header: Header) -> Result<Self> {
        let at = Position {
            segment: self.at.segment + 1,
            offset: segment::HEADER,
            sequence: self.at.sequence,
        };
        create(storage, dir, at, header)
    }
}

/// Makes a segment whose first record will be at `at`.
pub(super) fn create(
    storage: &dyn Storage,
    dir: &Path,
    at: Position,
    header: Header,
) -> Result<Head> {
    let path = dir.join(segment::name(at.segment));
    if at.segment >= segment::MOST {
        return out_of_numbers(&path);
    }
    let file = match storage.open(&path, Access::CreateNew) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            clear_name(storage, dir, at.segment, &header)?;
            storage.open(&path, Access::CreateNew)
        }
        other => other,
    }
    .context("create", &path)?;
    if let Err(error) = file.write_all_at(&header.encode(), 0) {
        let _ = storage.remove(&path);
        return Err(error).context("write", &path);
    }
    let segment = Segment { number: at.segment, path, file, header: Some(header) };
    Ok(Head::new(segment, at, 0))
}

#[cold]
fn out_of_numbers<T>(path: &Path) -> Result<T> {
    let reason = "the queue has come to the last number that there is; go on in another folder";
    Err(io::Error::new(io::ErrorKind::StorageFull, reason)).context("write", path)
}

/// Frees the name of a new segment. What was begun by a process that died is removed; anything that
/// holds bytes of somebody else is moved aside.
fn clear_name(storage: &dyn Storage, dir: &Path, number: u64, header: &Header) -> Result<()> {
    let path = dir.join(segment::name(number));
    let Some(found) = segment::open(storage, dir, number, Access::Read)? else { return Ok(()) };
    let begun = found.is_begun()?;
    if begun || found.header.is_some_and(|found| found.salt == header.salt) {
        return storage.remove(&path).context("remove", &path);
    }
    for attempt in 0.. {
        let aside = dir.join(format!("foreign-{}-{attempt}", segment::name(number)));
        if !storage.exists(&aside).context("inspect", &aside)? {
            return storage.rename(&path, &aside).context("rename", &path);
        }
    }
    Err(Error::Unrecognised { path, reason: "its name is needed for a new segment".to_owned() })
}
