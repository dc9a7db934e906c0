//! The unread part of one chunk.

use std::path::PathBuf;
use std::vec;

use super::LegacyFormat;
use super::pieces::{Piece, cut};

/// What is found where an unread item should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// An item's payload.
    Item(Vec<u8>),
    /// Something that is no item.
    Damaged {
        /// The chunk.
        file: PathBuf,
        /// Where in it the damage starts, in bytes.
        offset: u64,
        /// The damaged bytes; none if they are missing.
        bytes: Vec<u8>,
        /// How many items are lost, as well as can be known.
        records: u64,
    },
}

/// Gives what is in one chunk, in order.
#[derive(Debug)]
pub(super) struct Chunk {
    file: PathBuf,
    /// Where `bytes` start in the file.
    offset: u64,
    bytes: Vec<u8>,
    pieces: vec::IntoIter<Piece>,
    /// How many broken pieces are to come.
    broken: usize,
    /// How many items are lost and not yet told about.
    lost: u64,
}

impl Chunk {
    /// A chunk that should hold `records` items in `bytes`.
    pub(super) fn new(
        file: PathBuf,
        offset: u64,
        bytes: Vec<u8>,
        records: u64,
        format: &dyn LegacyFormat,
    ) -> Self {
        let pieces = cut(&bytes, format);
        let broken = pieces.iter().filter(|piece| matches!(piece, Piece::Broken(..))).count();
        let whole = (pieces.len() - broken) as u64;
        let lost = records.saturating_sub(whole);
        Self { file, offset, bytes, pieces: pieces.into_iter(), broken, lost }
    }

    /// Shares the lost items out among the broken pieces: the counts know how many there are, but
    /// not where.
    fn lost_in(&mut self, items: u64) -> u64 {
        self.broken = self.broken.saturating_sub(1);
        let lost = if self.broken == 0 { self.lost } else { items.min(self.lost) };
        self.lost -= lost;
        lost
    }

    fn damaged(&self, start: usize, end: usize, records: u64) -> Unread {
        Unread::Damaged {
            file: self.file.clone(),
            offset: self.offset.saturating_add(start as u64),
            bytes: self.bytes.get(start..end).unwrap_or_default().to_vec(),
            records,
        }
    }
}

impl Iterator for Chunk {
    type Item = Unread;

    fn next(&mut self) -> Option<Unread> {
        while let Some(piece) = self.pieces.next() {
            match piece {
                Piece::Whole(range) => {
                    return self.bytes.get(range).map(|payload| Unread::Item(payload.to_vec()));
                }
                // Every item is there, so this never was one: what a put that failed left behind.
                Piece::Broken(..) if self.lost == 0 => {}
                Piece::Broken(range, items) => {
                    let records = self.lost_in(items);
                    return Some(self.damaged(range.start, range.end, records));
                }
            }
        }
        let records = std::mem::take(&mut self.lost);
        let end = self.bytes.len();
        (records > 0).then(|| self.damaged(end, end, records))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Json, Pickle};
    use super::*;

    fn unread(bytes: &[u8], records: u64, format: &dyn LegacyFormat) -> Vec<Unread> {
        Chunk::new("q00007".into(), 10, bytes.to_vec(), records, format).collect()
    }

    fn item(payload: &[u8]) -> Unread {
        Unread::Item(payload.to_vec())
    }

    fn damaged(offset: u64, bytes: &[u8], records: u64) -> Unread {
        Unread::Damaged { file: "q00007".into(), offset, bytes: bytes.to_vec(), records }
    }

    #[test]
    fn gives_whole_items() {
        assert_eq!(unread(b"1\n22\n", 2, &Json), [item(b"1"), item(b"22")]);
        assert_eq!(unread(b"", 0, &Json), []);
    }

    #[test]
    fn tells_what_is_lost_where_it_was() {
        let expected = [item(b"1"), damaged(12, b"x\n", 1), item(b"3")];
        assert_eq!(unread(b"1\nx\n3\n", 3, &Json), expected);
        let expected = [damaged(10, b"x\n", 1), item(b"2"), damaged(14, b"x\x0by\n", 2)];
        assert_eq!(unread(b"x\n2\nx\x0by\n", 4, &Json), expected);
    }

    #[test]
    fn a_short_chunk_says_how_many_items_it_lacks() {
        assert_eq!(unread(b"1\n", 3, &Json), [item(b"1"), damaged(12, b"", 2)]);
    }

    /// persist-queue 1.1.0 gives wrong values behind it: what was left shifts the pickle's memo.
    #[test]
    fn what_a_failed_put_left_is_no_damage() {
        let (left, put) = (b"\x80\x04}C\x01x", b"\x80\x04K\x07.");
        let bytes = [left.as_slice(), put].concat();
        assert_eq!(unread(&bytes, 1, &Pickle), [item(put)]);
        assert_eq!(unread(&bytes, 2, &Pickle), [damaged(10, left, 1), item(put)]);
    }
}
