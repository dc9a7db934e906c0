//! Converting a folder that persist-queue 0.x or 1.x wrote, in place.
//!
//! New segments get numbers behind the old chunks'. Only when all of them are on the disk a control
//! file is written, which says that the old files are still there; with it the conversion is final.
//! Then `info` is removed, then the old chunks, then the control file says so. A process that dies
//! before the control file leaves the old folder as it was, and some segments that the next try
//! removes; one that dies later leaves old files that the next opening removes.

use std::path::Path;

use super::control::{Control, ControlFile, Position};
use super::head::{self, Head, Limits};
use super::legacy::{self, Chunks, Info, LegacyFormat, Unread};
use super::reader::Damage;
use super::segment::{self, Header, Segment};
use super::{control, quarantine, recovery};
use crate::error::Context;
use crate::storage::{Access, Storage};
use crate::{Error, Result};

/// Converts the folder if it is one of persist-queue's, or finishes a conversion.
pub(super) fn convert_if_needed(
    storage: &dyn Storage,
    dir: &Path,
    codec: &str,
    limits: Limits,
    format: Option<&dyn LegacyFormat>,
) -> Result<()> {
    let current = ControlFile::open(storage, dir, Access::Read)?;
    let current = current.map(|file| file.read()).transpose()?.flatten();
    if current.as_ref().is_some_and(|control| control.converting) {
        return clean_up(storage, dir);
    }
    let path = dir.join(legacy::INFO);
    if !storage.exists(&path).context("inspect", &path)? {
        return Ok(());
    }
    let unrecognised =
        |reason: &str| Error::Unrecognised { path: path.clone(), reason: reason.into() };
    let Some(format) = format.or_else(|| legacy::by_name(codec)) else {
        return Err(unrecognised(
            "the folder was written by persist-queue; open it with the \
                                 serializer that wrote it",
        ));
    };
    let info = legacy::read_info(storage, dir, format)?;
    if current.is_some() {
        return Err(unrecognised(
            "a persist-queue 1.x program has used this folder since it was \
                                 converted; move 'info' and the chunks that it made to a folder \
                                 of their own, and open that one too",
        ));
    }
    convert(storage, dir, codec, limits, format, info)?;
    clean_up(storage, dir)
}

fn convert(
    storage: &dyn Storage,
    dir: &Path,
    codec: &str,
    limits: Limits,
    format: &dyn LegacyFormat,
    info: Info,
) -> Result<()> {
    remove_segments(storage, dir)?;
    let salt = recovery::random_salt();
    let number = info.head.file.saturating_add(1);
    let start = Position { segment: number, offset: segment::HEADER, sequence: 0 };
    let header = Header { salt, first_sequence: 0, codec: codec.to_owned() };
    let mut writer =
        Writer { storage, dir, limits, head: head::create(storage, dir, start, header)? };
    for unread in Chunks::new(storage, dir, info, format)? {
        match unread? {
            Unread::Item(payload) => writer.put(&payload)?,
            Unread::Damaged { bytes, records, .. } => writer.leave_out(bytes, records)?,
        }
    }
    let head = writer.finish()?;
    let control = Control {
        salt,
        generation: 1,
        tail: start,
        head: head.at,
        last_offset: head.last_offset,
        marks_until: 0,
        chunk_records: limits.records,
        waiting: false,
        converting: true,
        codec: codec.to_owned(),
    };
    let mut file = match ControlFile::open(storage, dir, Access::Write)? {
        Some(file) => file,
        None => ControlFile::create(storage, dir.join(control::NAME))?,
    };
    file.reserve()?;
    file.write(&control)?;
    file.file.sync().context("flush", &file.path)?;
    storage.sync_dir(dir).context("flush", dir)
}

/// Writes the new segments, and has each on the disk before it begins the next.
struct Writer<'a> {
    storage: &'a dyn Storage,
    dir: &'a Path,
    limits: Limits,
    head: Head,
}

impl Writer<'_> {
    fn put(&mut self, payload: &[u8]) -> Result<()> {
        if self.head.is_full(self.limits) {
            self.turn_over()?;
        }
        self.head.append(self.header(0).salt, &[payload], 0)
    }

    /// Leaves a gap in the sequence numbers, for which the reader will tell the user what is gone.
    /// The name of the file with the bytes is the one under which it will look for them.
    fn leave_out(&mut self, bytes: Vec<u8>, records: u64) -> Result<()> {
        if records == 0 && bytes.is_empty() {
            return Ok(());
        }
        let records = records.max(1);
        let (path, offset) = (self.head.segment.path.clone(), self.head.at.offset);
        quarantine::keep(self.storage, self.dir, &Damage { path, offset, bytes, records })?;
        self.head.at.sequence += records;
        self.turn_over()
    }

    fn header(&self, first_sequence: u64) -> Header {
        let known = self.head.segment.header.as_ref();
        let (salt, codec) =
            known.map_or((0, String::new()), |known| (known.salt, known.codec.clone()));
        Header { salt, first_sequence, codec }
    }

    fn turn_over(&mut self) -> Result<()> {
        flush(&self.head.segment)?;
        let header = self.header(self.head.at.sequence);
        self.head = self.head.next(self.storage, self.dir, header)?;
        Ok(())
    }

    fn finish(self) -> Result<Head> {
        flush(&self.head.segment)?;
        self.storage.sync_dir(self.dir).context("flush", self.dir)?;
        Ok(self.head)
    }
}

fn flush(segment: &Segment) -> Result<()> {
    segment.file.sync().context("flush", &segment.path)
}

/// Removes what an earlier try left.
fn remove_segments(storage: &dyn Storage, dir: &Path) -> Result<()> {
    for_each_file(storage, dir, |ours, path| if ours { storage.remove(path) } else { Ok(()) })
}

fn clean_up(storage: &dyn Storage, dir: &Path) -> Result<()> {
    let info = dir.join(legacy::INFO);
    if storage.exists(&info).context("inspect", &info)? {
        storage.remove(&info).context("remove", &info)?;
        storage.sync_dir(dir).context("flush", dir)?;
    }
    for_each_file(storage, dir, |ours, path| if ours { Ok(()) } else { storage.remove(path) })?;
    let Some(mut file) = ControlFile::open(storage, dir, Access::Write)? else { return Ok(()) };
    let Some(control) = file.read()? else { return Ok(()) };
    let generation = control.next_generation();
    file.write(&Control { generation, converting: false, ..control })
}

/// Calls `act` for each file that is called like a segment, and says whether it is one of ours.
fn for_each_file(
    storage: &dyn Storage,
    dir: &Path,
    act: impl Fn(bool, &Path) -> std::io::Result<()>,
) -> Result<()> {
    for number in segment::numbers(storage, dir)? {
        let Some(found) = segment::open(storage, dir, number, Access::Read)? else { continue };
        act(found.header.is_some(), &found.path).context("remove", &found.path)?;
    }
    Ok(())
}
