//! Finding the tail and the head when a queue is opened.

use std::path::Path;
use std::sync::Arc;

use super::control::{Control, ControlFile, Position};
use super::head::{self, Head};
use super::reader::{Found, LogView, Reader, step};
use super::record::{self, Parsed};
use super::segment::{self, Header, Segment};
use crate::error::Context;
use crate::storage::{Access, Storage};
use crate::{Error, Result};

/// What opening found.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: ControlFile,
    pub(super) control: Control,
    pub(super) head: Head,
}

/// Opens the log in `dir`, which only this process may be doing now. Makes it where there is none.
/// Cuts a torn record off the end and changes nothing else that was stored.
pub(super) fn open(
    storage: &dyn Storage,
    dir: &Path,
    codec: &str,
    chunk_records: u64,
) -> Result<Opened> {
    let file = ControlFile::open(storage, dir, Access::Write)?;
    let control = read_control(storage, dir, file.as_ref())?;
    let intact = control.is_some();
    let mut control =
        control.map_or_else(|| rebuilt_or_fresh(storage, dir, codec, chunk_records), Ok)?;
    if control.codec != codec {
        return Err(Error::CodecMismatch {
            path: dir.to_owned(),
            stored: control.codec,
            asked: codec.to_owned(),
        });
    }
    control.chunk_records = chunk_records;
    let found = find_head(storage, dir, &control)?;
    let head = match found {
        Some(end) => cut_torn_end(end)?,
        None => start_over(storage, dir, &control)?,
    };
    control.head = head.at;
    control.last_offset = head.last_offset;
    control.tail = not_behind(control.tail, head.at);
    let mut file = match file {
        Some(file) => file,
        None => ControlFile::create(storage, dir.join(super::control::NAME))?,
    };
    if !intact {
        file.reserve()?;
    }
    control.generation = next_life(control.generation);
    file.write(&control)?;
    Ok(Opened { file, control, head })
}

/// Reads the control file, or makes one from the segments, without changing anything.
pub(super) fn inspect(storage: &dyn Storage, dir: &Path) -> Result<Option<(Control, Position)>> {
    let file = ControlFile::open(storage, dir, Access::Read)?;
    let control = match read_control(storage, dir, file.as_ref())? {
        Some(control) => Some(control),
        None => rebuilt(storage, dir)?,
    };
    let Some(mut control) = control else { return Ok(None) };
    let head = find_head(storage, dir, &control)?.map_or(control.tail, |end| end.at);
    control.tail = not_behind(control.tail, head);
    Ok(Some((control, head)))
}

/// The tail, or the head where the power took what was in front of the tail but not the tail: the
/// records that come next get their numbers and must not be taken for finished.
fn not_behind(tail: Position, head: Position) -> Position {
    if tail > head || tail.sequence > head.sequence { head } else { tail }
}

/// What the control file says, as far as that can be true of these segments.
fn read_control(
    storage: &dyn Storage,
    dir: &Path,
    file: Option<&ControlFile>,
) -> Result<Option<Control>> {
    let read = file.map(ControlFile::read_and_judge).transpose()?.flatten();
    let Some((mut control, may_be_old)) = read else { return Ok(None) };
    if !belongs(storage, dir, control.salt)? {
        return Ok(None);
    }
    if may_be_old {
        control.tail = skip_spent(storage, dir, &control)?;
    }
    Ok(Some(control))
}

/// Whether a control file with this salt is of the queue whose segments these are.
fn belongs(storage: &dyn Storage, dir: &Path, salt: u32) -> Result<bool> {
    let mut others = false;
    for number in segment::numbers(storage, dir)? {
        let segment = segment::open(storage, dir, number, Access::Read)?;
        let Some(header) = segment.and_then(|segment| segment.header) else { continue };
        if header.salt == salt {
            return Ok(true);
        }
        others = true;
    }
    Ok(!others)
}

/// The tail, or where the log begins if an old tail's segment was finished and removed since.
fn skip_spent(storage: &dyn Storage, dir: &Path, control: &Control) -> Result<Position> {
    let numbers = segment::numbers(storage, dir)?;
    if numbers.contains(&control.tail.segment) {
        return Ok(control.tail);
    }
    for number in numbers.into_iter().filter(|number| *number > control.tail.segment) {
        if let Some(segment) = segment::open(storage, dir, number, Access::Read)?
            && let Some(start) = start_of(&segment, control.salt)?
        {
            return Ok(start);
        }
    }
    Ok(control.tail)
}

fn rebuilt_or_fresh(
    storage: &dyn Storage,
    dir: &Path,
    codec: &str,
    chunk_records: u64,
) -> Result<Control> {
    if let Some(control) = rebuilt(storage, dir)? {
        return Ok(control);
    }
    refuse_foreign(storage, dir)?;
    Ok(fresh(codec, chunk_records))
}

fn fresh(codec: &str, chunk_records: u64) -> Control {
    let start = Position { segment: 0, offset: segment::HEADER, sequence: 0 };
    Control {
        salt: random_salt(),
        generation: 0,
        tail: start,
        head: start,
        last_offset: 0,
        marks_until: 0,
        chunk_records,
        waiting: false,
        converting: false,
        codec: codec.to_owned(),
    }
}

/// Refuses a folder with files that are called like segments and are none.
fn refuse_foreign(storage: &dyn Storage, dir: &Path) -> Result<()> {
    for number in segment::numbers(storage, dir)? {
        let Some(found) = segment::open(storage, dir, number, Access::Read)? else { continue };
        if !found.is_begun()? && !found.is_blank()? {
            let reason = "it is not a segment of this format, and there is neither a whole \
                          'control' file nor the 'info' file of a persist-queue 1.x folder; put \
                          the missing file back, or move this one away"
                .to_owned();
            return Err(Error::Unrecognised { path: found.path, reason });
        }
    }
    Ok(())
}

/// The first generation of this opening. A power loss may have left notes of generations that no slot is left of:
/// their numbers must not be given again.
fn next_life(generation: u64) -> u64 {
    match generation {
        0 => 1,
        // Odd, so that the slot that has the older generation is written.
        generation => generation.wrapping_add(u64::from(random_salt()) << 1 | 1),
    }
}

/// A number that no item can have been made to match.
pub(super) fn random_salt() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    // The standard library seeds it from the operating system's randomness.
    RandomState::new().hash_one(std::process::id()) as u32
}

/// A control record made from the segments alone: everything that they hold and that has no mark is
/// to be delivered.
fn rebuilt(storage: &dyn Storage, dir: &Path) -> Result<Option<Control>> {
    let mut first: Option<(Position, Header)> = None;
    for number in segment::numbers(storage, dir)? {
        let Some(segment) = segment::open(storage, dir, number, Access::Read)? else { continue };
        let Some(header) = segment.header else { continue };
        let start =
            Position { segment: number, offset: segment::HEADER, sequence: header.first_sequence };
        first = first.or(Some((start, header)));
    }
    Ok(first.map(|(start, header)| Control {
        salt: header.salt,
        generation: next_life(1),
        tail: start,
        head: start,
        last_offset: 0,
        marks_until: u64::MAX,
        chunk_records: 0,
        waiting: false,
        converting: false,
        codec: header.codec,
    }))
}

/// The end of the log.
struct End {
    segment: Segment,
    /// The number of the segment's first record.
    first_sequence: u64,
    at: Position,
    last_offset: u64,
}

impl End {
    fn start(segment: Segment, at: Position) -> Self {
        Self { segment, first_sequence: at.sequence, at, last_offset: 0 }
    }
}

/// Looks for the end of the log, from the hint on where the hint proves right, else from the tail.
fn find_head(storage: &dyn Storage, dir: &Path, control: &Control) -> Result<Option<End>> {
    if let Some(segment) = writable(storage, dir, control.head.segment)?
        && let Some(first_sequence) = hint_holds(&segment, control)?
    {
        let last_offset = control.last_offset;
        let hint = End { segment, first_sequence, at: control.head, last_offset };
        return scan(storage, dir, control.salt, hint).map(Some);
    }
    for number in segment::numbers(storage, dir)? {
        if number < control.tail.segment {
            continue;
        }
        let Some(segment) = writable(storage, dir, number)? else { continue };
        if let Some(at) = start_of(&segment, control.salt)? {
            return scan(storage, dir, control.salt, End::start(segment, at)).map(Some);
        }
    }
    Ok(None)
}

fn writable(storage: &dyn Storage, dir: &Path, number: u64) -> Result<Option<Segment>> {
    // Whoever may only read gets as far as reading.
    segment::open(storage, dir, number, Access::Write)
        .or_else(|_| segment::open(storage, dir, number, Access::Read))
}

/// Where the records of a segment start, if it is one of this queue's: by its header or, where that
/// is damaged, by its first whole record.
fn start_of(segment: &Segment, salt: u32) -> Result<Option<Position>> {
    let start = |sequence| Position { segment: segment.number, offset: segment::HEADER, sequence };
    if let Some(header) = &segment.header {
        return Ok((header.salt == salt).then(|| start(header.first_sequence)));
    }
    let size = segment.file.size().context("inspect", &segment.path)?;
    let bytes = segment.file.read_vec_at(size as usize, 0).context("read", &segment.path)?;
    let found = record::find(&bytes, salt, segment::HEADER as usize, 0..record::MOST);
    Ok(match found.map(|found| record::parse(&bytes[found..], salt)) {
        Some(Parsed::Record(record)) => Some(start(record.sequence)),
        _ => None,
    })
}

/// Whether the record in front of the hint is really there. Gives the number of the segment's first
/// record.
fn hint_holds(segment: &Segment, control: &Control) -> Result<Option<u64>> {
    let Some(header) = &segment.header else { return Ok(None) };
    let first = Some(header.first_sequence);
    if header.salt != control.salt {
        return Ok(None);
    }
    if control.last_offset == 0 {
        let start = control.head.offset == segment::HEADER;
        return Ok(first.filter(|first| start && *first == control.head.sequence));
    }
    let Some(size) = control.head.offset.checked_sub(control.last_offset) else { return Ok(None) };
    // No memory for more than there can be.
    if control.head.offset > segment.file.size().context("inspect", &segment.path)? {
        return Ok(None);
    }
    let mut bytes = vec![0; size as usize];
    let read =
        segment.file.read_at(&mut bytes, control.last_offset).context("read", &segment.path)?;
    let parsed = record::parse(&bytes[..read], control.salt);
    let Parsed::Record(record) = parsed else { return Ok(None) };
    let holds =
        record.sequence.checked_add(1) == Some(control.head.sequence) && record.size() == size;
    Ok(first.filter(|_| holds))
}

/// Walks over whole records from `end` to the last one.
fn scan(storage: &dyn Storage, dir: &Path, salt: u32, mut end: End) -> Result<End> {
    // Behind the numbers that count: a segment without a header may hold some of them once more.
    let mut given = end.at.sequence;
    loop {
        walk_segment(&mut end, salt)?;
        let next = following(storage, dir, salt, &end)?;
        let header = next.as_ref().and_then(|next| next.segment.header.as_ref());
        let until = header.map_or(u64::MAX, |header| header.first_sequence);
        given = given.max(end.at.sequence.min(until));
        let Some(next) = next else {
            end.at.sequence = given;
            return Ok(end);
        };
        end = next;
    }
}

/// The segment behind the end in which the log goes on. Some in between may be lost: what is behind
/// them must be found now, not when the log has grown up to it.
fn following(storage: &dyn Storage, dir: &Path, salt: u32, end: &End) -> Result<Option<End>> {
    let next = end.at.segment + 1;
    if let Some(found) = goes_on_in(storage, dir, salt, end, next)? {
        return Ok(Some(found));
    }
    for number in segment::numbers(storage, dir)? {
        if number > next
            && let Some(found) = goes_on_in(storage, dir, salt, end, number)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn goes_on_in(
    storage: &dyn Storage,
    dir: &Path,
    salt: u32,
    end: &End,
    number: u64,
) -> Result<Option<End>> {
    let Some(next) = writable(storage, dir, number)? else { return Ok(None) };
    let start = start_of(&next, salt)?.filter(|at| at.sequence >= end.first_sequence);
    Ok(start.map(|at| End::start(next, at)))
}

fn walk_segment(end: &mut End, salt: u32) -> Result<()> {
    let path = &end.segment.path;
    let size = end.segment.file.size().context("inspect", path)?;
    let mut reader = Reader::default();
    while let Some((start, after)) = reader.next_in(&end.segment, end.at, size, salt)? {
        end.last_offset = start.offset;
        end.at = after;
    }
    Ok(())
}

/// Cuts off what stands behind the last whole record: a record that was being written when its
/// process died, or bytes of somebody else. Zeros are room for records to come.
fn cut_torn_end(end: End) -> Result<Head> {
    let size = end.segment.file.size().context("inspect", &end.segment.path)?;
    if size > end.at.offset && !is_zero_from(&end)? {
        end.segment.file.set_size(end.at.offset).context("truncate", &end.segment.path)?;
        // Else a power loss may bring it back between records that are written there from now on.
        end.segment.file.sync().context("flush", &end.segment.path)?;
    }
    Ok(Head::new(end.segment, end.at, end.last_offset))
}

fn is_zero_from(end: &End) -> Result<bool> {
    let (mut bytes, mut offset) = (vec![0; 1 << 16], end.at.offset);
    loop {
        let file = &end.segment.file;
        let read = file.read_at(&mut bytes, offset).context("read", &end.segment.path)?;
        if bytes[..read].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        if read < bytes.len() {
            return Ok(true);
        }
        offset += read as u64;
    }
}

/// Begins a log where there is none, or goes on behind one whose segments are gone.
fn start_over(storage: &dyn Storage, dir: &Path, control: &Control) -> Result<Head> {
    let last = segment::numbers(storage, dir)?.last().copied();
    let next = last.map_or(0, |last| last + 1).max(control.head.segment);
    let fresh = last.is_none() && control.generation == 0;
    let at = Position {
        segment: if fresh { control.head.segment } else { next },
        offset: segment::HEADER,
        sequence: control.head.sequence,
    };
    let header =
        Header { salt: control.salt, first_sequence: at.sequence, codec: control.codec.clone() };
    head::create(storage, dir, at, header)
}

/// Counts the records with a completion mark from the tail to the last that can have one.
pub(super) fn count_marks(control: &Control, log: &LogView<'_>) -> Result<u64> {
    let mut reader = Reader::default();
    let mut payload = Vec::new();
    let mut at = control.tail;
    let mut marks = 0;
    while at.sequence < control.marks_until {
        payload.clear();
        match reader.next(&mut at, log, &mut payload)? {
            Found::Record { size, marked } => {
                marks += u64::from(marked);
                at = step(at, size);
            }
            Found::Damaged(damaged) => at = damaged.1,
            Found::Head => break,
        }
    }
    Ok(marks)
}

/// Removes segments in front of the tail that a process left behind when it died, or could not remove.
pub(super) fn remove_spent(storage: &Arc<dyn Storage>, dir: &Path, control: &Control) {
    // Not being able to remove one costs space, not items.
    let numbers = segment::numbers(&**storage, dir).unwrap_or_default();
    for number in numbers.into_iter().filter(|number| *number < control.tail.segment) {
        let Ok(Some(found)) = segment::open(&**storage, dir, number, Access::Read) else {
            continue;
        };
        let begun = found.is_begun().unwrap_or(false);
        if begun || found.header.is_some_and(|header| header.salt == control.salt) {
            let _ = storage.remove(&dir.join(segment::name(number)));
        }
    }
}
