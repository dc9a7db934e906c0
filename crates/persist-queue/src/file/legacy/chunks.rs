//! The unread items of a folder, one chunk after the other.

use std::io;
use std::path::{Path, PathBuf};
use std::vec;

use super::chunk::{Chunk, Unread};
use super::{Info, LegacyFormat};
use crate::error::{Context, Result};
use crate::storage::{Access, Storage};

/// Gives every unread item of a folder, the oldest first, and what is there instead of one. Holds
/// one chunk in memory. Bytes behind the head are foreign, and are passed over. Ends after an
/// error.
#[derive(Debug)]
pub struct Chunks<'a> {
    storage: &'a dyn Storage,
    dir: PathBuf,
    info: Info,
    format: &'a dyn LegacyFormat,
    /// The chunks that are there and not yet read.
    present: vec::IntoIter<u64>,
    /// The number of the next chunk that should be there.
    next: Option<u64>,
    current: Option<Chunk>,
}

impl<'a> Chunks<'a> {
    /// Looks which chunks are in `dir`.
    pub fn new(
        storage: &'a dyn Storage,
        dir: &Path,
        info: Info,
        format: &'a dyn LegacyFormat,
    ) -> Result<Self> {
        let unread = info.tail.file..=info.head.file;
        let names = storage.list(dir).context("list", dir)?;
        let mut present: Vec<u64> = names
            .iter()
            .filter_map(|name| number(name))
            .filter(|number| unread.contains(number))
            .collect();
        present.sort_unstable();
        let present = present.into_iter();
        let next = Some(info.tail.file);
        Ok(Self { storage, dir: dir.to_owned(), info, format, present, next, current: None })
    }

    /// Opens the chunk `file`, or stands in for the ones that are missing from there on.
    fn open(&mut self, file: u64) -> Result<Chunk> {
        let present = self.present.as_slice().first().copied();
        let last = if present == Some(file) {
            self.present.next();
            file
        } else {
            // All at once: a damaged info file can make for more than could be told one by one.
            present.map_or(self.info.head.file, |present| present - 1)
        };
        self.next = last.checked_add(1).filter(|next| *next <= self.info.head.file);
        let path = self.dir.join(name(file));
        let start = if file == self.info.tail.file { self.info.tail.offset } else { 0 };
        let bytes = if present == Some(file) {
            self.read(file, start, &path).context("read", &path)?
        } else {
            Vec::new()
        };
        Ok(Chunk::new(path, start, bytes, self.info.records(file, last), self.format))
    }

    fn read(&self, number: u64, start: u64, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.storage.open(path, Access::Read)?;
        let size = file.size()?;
        let head = self.info.head;
        let end = if number == head.file { size.min(head.offset) } else { size };
        let length = usize::try_from(end.saturating_sub(start)).map_err(io::Error::other)?;
        file.read_vec_at(length, start)
    }
}

impl Iterator for Chunks<'_> {
    type Item = Result<Unread>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(unread) = self.current.as_mut().and_then(Iterator::next) {
                return Some(Ok(unread));
            }
            let file = self.next.take()?;
            match self.open(file) {
                Ok(chunk) => self.current = Some(chunk),
                Err(error) => {
                    (self.next, self.current) = (None, None);
                    return Some(Err(error));
                }
            }
        }
    }
}

/// The name of a chunk's file.
fn name(number: u64) -> String {
    format!("q{number:05}")
}

fn number(file: &str) -> Option<u64> {
    let number = file.strip_prefix('q')?.parse().ok()?;
    (name(number) == file).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_chunk_by_its_name() {
        assert_eq!(number("q00012"), Some(12));
        assert_eq!(number("q123456"), Some(123_456));
        for other in ["q12", "q+0001", "q000012", "qq0001", "info", "q00001.bak", ""] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
