//! Reading records in order, through a read-ahead buffer, across segments and around damage.

use std::path::{Path, PathBuf};

use super::control::Position;
use super::record::{self, Parsed, Record};
use super::segment::{self, Segment};
use crate::error::{Context, Slim};
use crate::storage::{Access, Storage};

/// How much is read ahead, in bytes; more where that ends amid a record of the size of the last one,
/// which would be read twice.
const READ_AHEAD: u64 = 128 * 1024;

/// What is not read ahead, in bytes.
const LARGE: u64 = 16 * 1024;

/// What a reader must know of a log.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogView<'a> {
    pub(super) storage: &'a dyn Storage,
    pub(super) dir: &'a Path,
    pub(super) salt: u32,
    /// Where reading ends.
    pub(super) head: Position,
}

/// What comes next in the log. Small: one is made for each record.
#[derive(Debug)]
pub(super) enum Found {
    /// A record; its payload was copied out.
    Record { size: u64, marked: bool },
    /// The head.
    Head,
    /// Records that are gone, and where reading goes on.
    Damaged(Box<(Damage, Position)>),
}

/// Records that are gone.
#[derive(Debug)]
pub(super) struct Damage {
    pub(super) path: PathBuf,
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) records: u64,
}

/// A place in one segment, and its bytes from there on.
#[derive(Debug, Default)]
pub(super) struct Reader {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    segment: Segment,
    /// The segment behind this one, once it is known.
    next: Option<Segment>,
    size: Option<u64>,
    buffer: Vec<u8>,
    start: u64,
    /// How much the last frame took that was read.
    frame: u64,
    /// All records of this segment before this sequence number may be shown. There may be more by
    /// now.
    shown_until: u64,
}

impl Reader {
    /// Forgets what was read ahead.
    pub(super) fn forget(&mut self) {
        self.open = None;
    }

    /// The record at `at` where it was read ahead, as almost all are; else [`Reader::next`] knows.
    #[inline]
    pub(super) fn ahead(&self, at: Position, salt: u32) -> Option<Record<'_>> {
        let open = self.open.as_ref()?;
        if open.segment.number != at.segment || at.sequence >= open.shown_until {
            return None;
        }
        let found = record::whole(open.buffer.get(open.buffered(at.offset)?..)?, salt)?;
        (found.sequence == at.sequence).then_some(found)
    }

    /// Finds what stands at `at` or, where that is the end of a segment, behind it; `at` is moved
    /// there. Copies a record's payload to the end of `into`.
    #[inline(never)]
    pub(super) fn next(
        &mut self,
        at: &mut Position,
        log: &LogView<'_>,
        into: &mut Vec<u8>,
    ) -> Slim<Found> {
        loop {
            let in_head = at.segment == log.head.segment;
            if in_head && at.offset >= log.head.offset {
                return Ok(at_head(at, log));
            }
            let Some(open) = self.enter(at.segment, log)? else {
                let (damage, resume) = missing_segment(*at, log)?;
                if damage.records > 0 {
                    return Ok(Found::Damaged(Box::new((damage, resume))));
                }
                *at = resume;
                continue;
            };
            let end = open.end(in_head, log)?;
            let until = open.until(in_head, log)?;
            open.shown_until = until.unwrap_or(log.head.sequence);
            // What has a number that was never given stands there wrongly; who believed it would pass
            // over all that is put until then.
            let wanted = at.sequence..until.unwrap_or(log.head.sequence);
            if wanted.contains(&at.sequence)
                && let Some(found) = open.read_large(at, end, log.salt, into)?
            {
                return Ok(found);
            }
            if let Parsed::Record(found) = open.parse(at.offset, end, log.salt)?
                && found.sequence < wanted.end
            {
                if found.sequence == at.sequence {
                    into.extend_from_slice(found.payload);
                    return Ok(Found::Record { size: found.size(), marked: found.marked });
                }
                if found.sequence > at.sequence {
                    let resume = Position { sequence: found.sequence, ..*at };
                    return Ok(open.damage(*at, resume, Vec::new()));
                }
            }
            match open.behind(*at, end, until, log)? {
                Behind::Segment(next) => *at = next,
                Behind::Damage(found) => return Ok(found),
            }
        }
    }

    /// Finds the first whole record of one segment at or behind `at`, whatever the log says.
    pub(super) fn next_in(
        &mut self,
        segment: &Segment,
        at: Position,
        size: u64,
        salt: u32,
    ) -> Slim<Option<(Position, Position)>> {
        let open = self.open.get_or_insert_with(|| Open::new(segment.clone(), Vec::new()));
        if let Parsed::Record(found) = open.parse(at.offset, size, salt)?
            && (at.sequence..record::MOST).contains(&found.sequence)
        {
            let at = Position { sequence: found.sequence, ..at };
            return Ok(Some((at, step(at, found.size()))));
        }
        let rest = open.read(at.offset, size.saturating_sub(at.offset))?;
        let most = rest.len() as u64 / record::HEADER as u64 + 1;
        let wanted = at.sequence..at.sequence.saturating_add(most).min(record::MOST);
        let found = record::find(&rest, salt, record::ALIGNMENT, wanted);
        let Some((found, Parsed::Record(record))) =
            found.map(|found| (found, record::parse(&rest[found..], salt)))
        else {
            return Ok(None);
        };
        let offset = at.offset + found as u64;
        let at = Position { segment: at.segment, offset, sequence: record.sequence };
        Ok(Some((at, step(at, record.size()))))
    }

    #[inline]
    fn enter(&mut self, number: u64, log: &LogView<'_>) -> Slim<Option<&mut Open>> {
        if self.open.as_ref().is_some_and(|open| open.segment.number == number) {
            return Ok(self.open.as_mut());
        }
        let current = self.open.take();
        let open = match current {
            Some(Open { next: Some(next), buffer, .. }) if next.number == number => {
                Some(Open::new(next, buffer))
            }
            _ => segment::open(log.storage, log.dir, number, Access::Read)?
                .map(|segment| Open::new(segment, Vec::new())),
        };
        self.open = open;
        Ok(self.open.as_mut())
    }
}

enum Behind {
    /// Nothing is missing: reading goes on in the next segment.
    Segment(Position),
    Damage(Found),
}

impl Open {
    fn new(segment: Segment, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { segment, next: None, size: None, buffer, start: 0, frame: 1, shown_until: 0 }
    }

    /// The sequence number behind the last record of this segment, where it is known. Records from
    /// there on are remains of a write that failed.
    fn until(&mut self, in_head: bool, log: &LogView<'_>) -> Slim<Option<u64>> {
        if in_head {
            return Ok(Some(log.head.sequence));
        }
        if self.next.is_none() {
            self.next = next_segment(self.segment.number, log)?;
        }
        let header = self.next.as_ref().and_then(|next| next.header.as_ref());
        // No number behind the head's was given: who went on from there would not see what is put next.
        Ok(header.map(|header| header.first_sequence.min(log.head.sequence)))
    }

    /// Where the segment ends; once it is not the head's it does not grow any more.
    fn end(&mut self, in_head: bool, log: &LogView<'_>) -> Slim<u64> {
        if in_head {
            return Ok(log.head.offset);
        }
        if let Some(size) = self.size {
            return Ok(size);
        }
        let size = self.segment.file.size().context("inspect", &self.segment.path)?;
        self.size = Some(size);
        Ok(size)
    }

    #[inline]
    fn parse(&mut self, offset: u64, end: u64, salt: u32) -> Slim<Parsed<'_>> {
        let left = end.saturating_sub(offset);
        if self.missing(offset, left) {
            self.fill(offset, READ_AHEAD.next_multiple_of(self.frame).min(left))?;
            if self.missing(offset, left) {
                self.fill(offset, record::needed(&self.buffer) as u64)?;
            }
            self.frame = record::frame_at(&self.buffer).min(self.buffer.len() as u64).max(1);
        }
        let from = self.buffered(offset).unwrap_or(self.buffer.len());
        Ok(record::parse(&self.buffer[from..], salt))
    }

    /// Reads the record at `at` to the end of `into`, where it is a large one behind another large one: to read
    /// ahead would be to copy it once more. Nothing where it is not, or not whole.
    fn read_large(
        &self,
        at: &Position,
        end: u64,
        salt: u32,
        into: &mut Vec<u8>,
    ) -> Slim<Option<Found>> {
        if self.frame < LARGE || self.buffered(at.offset).is_some() {
            return Ok(None);
        }
        let mut header = [0; record::HEADER];
        let from = at.offset + header.len() as u64;
        let read = self.segment.file.read_at(&mut header, at.offset);
        read.context("read", &self.segment.path)?;
        let size = record::needed(&header) - header.len();
        if (size as u64) < LARGE || size as u64 > end.saturating_sub(from) {
            return Ok(None);
        }
        let payload = self.read(from, size as u64)?;
        let found = record::joined(&header, &payload, salt);
        let Some(Record { marked, .. }) = found.filter(|found| found.sequence == at.sequence)
        else {
            return Ok(None);
        };
        if into.is_empty() {
            *into = payload;
        } else {
            into.extend_from_slice(&payload);
        }
        Ok(Some(Found::Record { size: record::frame_size(size), marked }))
    }

    /// Whether more of the frame at `offset` can be read than the buffer holds.
    fn missing(&self, offset: u64, left: u64) -> bool {
        let bytes = self.buffered(offset).map_or(&[][..], |from| &self.buffer[from..]);
        let needed = record::needed(bytes) as u64;
        needed > bytes.len() as u64 && needed <= left
    }

    fn buffered(&self, offset: u64) -> Option<usize> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        (at < self.buffer.len()).then_some(at)
    }

    fn fill(&mut self, offset: u64, size: u64) -> Slim<()> {
        self.start = offset;
        self.buffer.resize(size as usize, 0);
        let read = self.segment.file.read_at(&mut self.buffer, offset);
        self.buffer.truncate(*read.as_ref().unwrap_or(&0));
        read.context("read", &self.segment.path)?;
        Ok(())
    }

    fn read(&self, offset: u64, size: u64) -> Slim<Vec<u8>> {
        let read = self.segment.file.read_vec_at(size as usize, offset);
        Ok(read.context("read", &self.segment.path)?)
    }

    /// What comes behind a place where there is no record.
    fn behind(
        &self,
        at: Position,
        end: u64,
        until: Option<u64>,
        log: &LogView<'_>,
    ) -> Slim<Behind> {
        let next = match &self.next {
            Some(next) => Position { segment: next.number, offset: segment::HEADER, ..at },
            None => Position { sequence: at.sequence, ..log.head },
        };
        // Less only where segments were exchanged: then what they hold twice is not read twice.
        if self.next.is_some() && until.is_some_and(|until| until <= at.sequence) {
            return Ok(Behind::Segment(next));
        }
        let rest = self.read(at.offset, end.saturating_sub(at.offset))?;
        let wanted = at.sequence..until.unwrap_or(log.head.sequence);
        if let Some(found) = record::find(&rest, log.salt, record::ALIGNMENT, wanted)
            && let Parsed::Record(record) = record::parse(&rest[found..], log.salt)
        {
            let resume =
                Position { offset: at.offset + found as u64, sequence: record.sequence, ..at };
            return Ok(Behind::Damage(self.damage(at, resume, rest[..found].to_vec())));
        }
        let written = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if until.is_none() && written == 0 {
            return Ok(Behind::Segment(next));
        }
        let sequence = until.unwrap_or(at.sequence).max(at.sequence);
        let resume = Position { sequence, ..next };
        Ok(Behind::Damage(self.damage(at, resume, rest[..written].to_vec())))
    }

    fn damage(&self, at: Position, resume: Position, bytes: Vec<u8>) -> Found {
        let damage = Damage {
            path: self.segment.path.clone(),
            offset: at.offset,
            bytes,
            records: resume.sequence - at.sequence,
        };
        Found::Damaged(Box::new((damage, resume)))
    }
}

/// The place behind a record.
#[inline]
pub(super) fn step(at: Position, size: u64) -> Position {
    Position {
        segment: at.segment,
        offset: at.offset + size,
        sequence: at.sequence.saturating_add(1),
    }
}

fn at_head(at: &Position, log: &LogView<'_>) -> Found {
    if at.sequence >= log.head.sequence {
        return Found::Head;
    }
    let damage = Damage {
        path: log.dir.join(segment::name(at.segment)),
        offset: at.offset,
        bytes: Vec::new(),
        records: log.head.sequence - at.sequence,
    };
    Found::Damaged(Box::new((damage, log.head)))
}

fn missing_segment(at: Position, log: &LogView<'_>) -> Slim<(Damage, Position)> {
    let next = next_segment(at.segment, log)?;
    let (number, sequence) = match &next {
        Some(next) => {
            let first = next.header.as_ref().map_or(at.sequence, |header| header.first_sequence);
            (next.number, first.min(log.head.sequence).max(at.sequence))
        }
        None => (log.head.segment, log.head.sequence.max(at.sequence)),
    };
    let offset = if next.is_some() { segment::HEADER } else { log.head.offset };
    let damage = Damage {
        path: log.dir.join(segment::name(at.segment)),
        offset: at.offset,
        bytes: Vec::new(),
        records: sequence - at.sequence,
    };
    Ok((damage, Position { segment: number, offset, sequence }))
}

/// The first segment behind `number` that exists, up to the head's.
fn next_segment(number: u64, log: &LogView<'_>) -> Slim<Option<Segment>> {
    let open = |number| Ok(segment::open(log.storage, log.dir, number, Access::Read)?);
    if number >= log.head.segment {
        return Ok(None);
    }
    if let Some(next) = open(number + 1)? {
        return Ok(Some(next));
    }
    for candidate in segment::numbers(log.storage, log.dir)? {
        if candidate > number && candidate <= log.head.segment {
            return open(candidate);
        }
    }
    Ok(None)
}
