//! The control file: where the tail is, and from where to look for the head.
//!
//! Two slots of 256 bytes, at 0 and at 4096, are written in turn, so that a torn write leaves the
//! older one: generation g is in slot g mod 2. Of two whole slots the one with the later generation counts.
//!
//! ```text
//! offset  bytes  field
//!      0      8  "PQRSCTL1"
//!      8      4  format version: 1
//!     12      4  salt of the queue
//!     16      8  generation: one more with each write, and a random number more with each opening
//!     24     24  tail, the first record that is not finished: segment, offset, sequence number
//!     48     24  head, where the next record goes, or went when this was written: the same three
//!     72      8  offset of the record before the head in the head's segment, 0 for none
//!     80      8  no record with this sequence number or a higher one has a completion mark
//!     88      8  records per segment, for information
//!     96      4  flags: 1 = a process waits and wants to be woken by the next change;
//!                2 = converted from persist-queue 1.x, whose files are still to be removed
//!    100     96  the serializer's name, as in a segment
//!    196     56  zeros
//!    252      4  CRC-32C of the 252 bytes before
//! ```
//! Behind each slot are notes that the tail moved on since it was written, which is all that most changes are: two,
//! written in turn, 256 and 320 bytes from the slot's beginning where g / 2 is even, else 384 and 448. The later
//! tail counts, and a torn one leaves the one before.
//!
//! ```text
//!      0      8  generation of the slot; a note of another one does not count
//!      8     24  tail, as in the slot
//!     32      4  CRC-32C of the 32 bytes before, begun with the salt
//!     36      4  zeros
//! ```
//! Notes are in the sector of their slot, and those of the slot before in its place are left alone: whatever slot a
//! power loss leaves, it has its notes. Notes that it leaves of a slot that is gone count for no later one.
//!
//! Behind generation 2^64 - 1 comes 0. A slot does not count that is in the other one's place, or has a
//! tail or head that no queue can have come to: what has a right checksum may still be forged.
//!
//! The log is the truth. A control file that is missing or damaged is made anew from the segments,
//! at the price of delivering again what they still hold.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checksum::crc32c_append;
use super::record;
use super::segment::{self, get_name, is_sealed, number32, number64, put_name, seal};
use crate::error::Context;
use crate::storage::{Access, Storage, StorageFile, StorageMap};
use crate::{Error, Result};

/// The file's name.
pub(super) const NAME: &str = "control";

const SLOT: usize = 256;
const SLOT_OFFSETS: [u64; 2] = [0, 4096];
const SIZE: u64 = 8192;
const NOTE: usize = 40;
/// From the beginning of the slot: those of one slot, and of the next in its place.
const NOTE_OFFSETS: [[u64; 2]; 2] = [[256, 320], [384, 448]];
/// The slot and its notes.
const SECTOR: usize = 512;
const MAGIC: &[u8; 8] = b"PQRSCTL1";
const VERSION: u32 = 1;
const WAITING: u32 = 1;
const CONVERTING: u32 = 2;

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) segment: u64,
    pub(super) offset: u64,
    /// The sequence number of the record that is here, or will be.
    pub(super) sequence: u64,
}

impl Position {
    fn read(bytes: &[u8], at: usize) -> Self {
        Self {
            segment: number64(bytes, at),
            offset: number64(bytes, at + 8),
            sequence: number64(bytes, at + 16),
        }
    }

    /// Whether a queue can have come to it, be it only behind its last record.
    fn is_possible(self) -> bool {
        self.segment < segment::MOST && self.sequence <= record::MOST
    }
}

/// What a slot says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) salt: u32,
    pub(super) generation: u64,
    pub(super) tail: Position,
    pub(super) head: Position,
    pub(super) last_offset: u64,
    pub(super) marks_until: u64,
    pub(super) chunk_records: u64,
    pub(super) waiting: bool,
    pub(super) converting: bool,
    pub(super) codec: String,
}

impl Control {
    /// The generation of what is written next.
    pub(super) fn next_generation(&self) -> u64 {
        self.generation.wrapping_add(1)
    }

    /// Whether this was written later, of two of one control file.
    pub(super) fn is_later_than(&self, other: &Self) -> bool {
        let ahead = self.generation.wrapping_sub(other.generation);
        (1..1 << 63).contains(&ahead)
    }

    /// Where its slot begins.
    fn offset(&self) -> u64 {
        SLOT_OFFSETS[(self.generation % 2) as usize]
    }

    /// Where its notes are in its sector.
    fn note_offsets(&self) -> [u64; 2] {
        NOTE_OFFSETS[(self.generation / 2 % 2) as usize]
    }

    fn encode(&self) -> [u8; SLOT] {
        let mut bytes = [0; SLOT];
        bytes[0..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.salt.to_le_bytes());
        let numbers = [
            self.generation,
            self.tail.segment,
            self.tail.offset,
            self.tail.sequence,
            self.head.segment,
            self.head.offset,
            self.head.sequence,
            self.last_offset,
            self.marks_until,
            self.chunk_records,
        ];
        for (field, number) in bytes[16..96].chunks_exact_mut(8).zip(numbers) {
            field.copy_from_slice(&number.to_le_bytes());
        }
        let flags = u32::from(self.waiting) * WAITING + u32::from(self.converting) * CONVERTING;
        bytes[96..100].copy_from_slice(&flags.to_le_bytes());
        put_name(&mut bytes[100..196], &self.codec);
        seal(&mut bytes);
        bytes
    }

    /// Reads a slot. The error is the version of a slot that is whole but of a later version.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, u32> {
        let Some(bytes) = bytes.first_chunk::<SLOT>() else { return Ok(None) };
        if !bytes.starts_with(MAGIC) || !is_sealed(bytes) {
            return Ok(None);
        }
        let version = number32(bytes, 8);
        if version != VERSION {
            return Err(version);
        }
        let (tail, head) = (Position::read(bytes, 24), Position::read(bytes, 48));
        if !tail.is_possible() || !head.is_possible() {
            return Ok(None);
        }
        Ok(get_name(&bytes[100..196]).map(|codec| Self {
            salt: number32(bytes, 12),
            generation: number64(bytes, 16),
            tail,
            head,
            last_offset: number64(bytes, 72),
            marks_until: number64(bytes, 80),
            chunk_records: number64(bytes, 88),
            waiting: number32(bytes, 96) & WAITING != 0,
            converting: number32(bytes, 96) & CONVERTING != 0,
            codec,
        }))
    }

    /// The note behind the slot of this that its tail is there now.
    fn note(&self, tail: Position) -> [u8; NOTE] {
        let mut bytes = [0; NOTE];
        let numbers = [self.generation, tail.segment, tail.offset, tail.sequence];
        for (field, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            field.copy_from_slice(&number.to_le_bytes());
        }
        let checksum = crc32c_append(self.salt, &bytes[..32]);
        bytes[32..36].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Moves the tail to where the notes behind the slot say.
    fn read_notes(&mut self, sector: &[u8]) {
        for at in self.note_offsets() {
            let Some(note) = sector.get(at as usize..at as usize + NOTE) else { continue };
            let tail = Position::read(note, 8);
            if note == self.note(tail) && tail.is_possible() && tail > self.tail {
                self.tail = tail;
            }
        }
    }
}

/// The open control file.
#[derive(Debug)]
pub(super) struct ControlFile {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn StorageFile>,
    map: Option<Box<dyn StorageMap>>,
    /// Which note is written next.
    next_note: usize,
}

impl ControlFile {
    /// Opens the control file; nothing where there is none.
    pub(super) fn open(storage: &dyn Storage, dir: &Path, access: Access) -> Result<Option<Self>> {
        let path = dir.join(NAME);
        match storage.open(&path, access) {
            Ok(file) => Ok(Some(Self { path, file, map: None, next_note: 0 })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("open", &path),
        }
    }

    /// Makes the control file with its space, so that later writes need none.
    pub(super) fn create(storage: &dyn Storage, path: PathBuf) -> Result<Self> {
        let file = storage.open(&path, Access::CreateNew).context("create", &path)?;
        let control = Self { path, file, map: None, next_note: 0 };
        if let Err(error) = control.reserve() {
            // A file that could not be filled would only be in the way of the next try.
            let _ = storage.remove(&control.path);
            return Err(error);
        }
        Ok(control)
    }

    /// Fills the file with zeros, so that later writes need no space.
    pub(super) fn reserve(&self) -> Result<()> {
        self.file.write_all_at(&[0; SIZE as usize], 0).context("write", &self.path)
    }

    /// The newest whole slot.
    pub(super) fn read(&self) -> Result<Option<Control>> {
        Ok(self.read_and_judge()?.map(|(control, _)| control))
    }

    /// The newest whole slot, and whether the other one may have been newer before it was damaged.
    pub(super) fn read_and_judge(&self) -> Result<Option<(Control, bool)>> {
        let [first, second] = [0, 1].map(|slot| self.read_slot(slot));
        Ok(match (first?, second?) {
            (Some(first), Some(second)) if first.is_later_than(&second) => Some((first, false)),
            (Some(_), Some(second)) => Some((second, false)),
            (Some(only), None) | (None, Some(only)) => {
                // The other slot of a new file was never written.
                let may_be_old = only.generation > 1;
                Some((only, may_be_old))
            }
            (None, None) => None,
        })
    }

    fn read_slot(&self, slot: usize) -> Result<Option<Control>> {
        let mut bytes = [0; SECTOR];
        let read = self.file.read_at(&mut bytes, SLOT_OFFSETS[slot]).context("read", &self.path)?;
        let found = Control::parse(&bytes[..read]).map_err(|version| Error::Unrecognised {
            path: self.path.clone(),
            reason: format!(
                "it has format version {version} and this library knows {VERSION}; \
                 use a later persist-queue"
            ),
        })?;
        let mut found = found.filter(|found| found.generation % 2 == slot as u64);
        if let Some(found) = &mut found {
            found.read_notes(&bytes[..read]);
        }
        Ok(found)
    }

    /// Writes `control` into the slot whose turn it is.
    pub(super) fn write(&mut self, control: &Control) -> Result<()> {
        self.write_at(&control.encode(), control.offset())
    }

    /// Notes that the tail moved on since `control` was written, by this process and as the last.
    pub(super) fn write_tail(&mut self, control: &Control, tail: Position) -> Result<()> {
        let offset = control.offset() + control.note_offsets()[self.next_note];
        self.next_note = 1 - self.next_note;
        self.write_at(&control.note(tail), offset)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        let written = match &mut self.map {
            Some(map) => map.publish(bytes, offset),
            None => self.file.write_all_at(bytes, offset),
        };
        if written.is_err() {
            self.map = None;
        }
        written.context("write", &self.path)
    }

    /// Has it written through a mapping from now on, where that can be done.
    pub(super) fn map(&mut self) {
        if self.map.is_none() {
            self.map = self.file.map(0..SIZE);
        }
    }

    /// What is needed to flush it, without the lock of the log.
    pub(super) fn to_flush(&self) -> (Arc<dyn StorageFile>, PathBuf) {
        (Arc::clone(&self.file), self.path.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Control {
        Control {
            salt: 1,
            generation: 2,
            tail: Position { segment: 3, offset: 4, sequence: 5 },
            head: Position { segment: 6, offset: 7, sequence: 8 },
            last_offset: 9,
            marks_until: 10,
            chunk_records: 11,
            waiting: true,
            converting: false,
            codec: "json".to_owned(),
        }
    }

    #[test]
    fn a_slot_comes_back_as_it_went_in() {
        assert_eq!(Control::parse(&sample().encode()), Ok(Some(sample())));
    }

    #[test]
    fn a_note_moves_the_tail_of_its_own_slot_forward() {
        let control = sample();
        let behind = Position { sequence: 6, ..control.tail };
        let mut sector = [0; SECTOR];
        sector[448..488].copy_from_slice(&control.note(behind));
        let read = |mut control: Control, sector: &[u8]| {
            control.read_notes(sector);
            control.tail
        };
        assert_eq!(read(sample(), &sector), behind);
        assert_eq!(read(Control { generation: 6, ..sample() }, &sector), sample().tail);
        assert_eq!(read(Control { salt: 2, ..sample() }, &sector), sample().tail);
        let later = Position { segment: 4, ..behind };
        assert_eq!(read(Control { tail: later, ..sample() }, &sector), later);
        for bit in 448 * 8..488 * 8 {
            let mut damaged = sector;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(sample(), &damaged), sample().tail, "bit {bit}");
        }
        sector[384..424].copy_from_slice(&control.note(later));
        assert_eq!(read(sample(), &sector), later);
    }

    #[test]
    fn every_flipped_bit_of_a_slot_is_noticed() {
        let bytes = sample().encode();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Control::parse(&damaged), Ok(None), "bit {bit}");
        }
    }
}
