//! Looking at a queue without touching it: no lock, no write, no item taken.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::control::{Control, Position};
use super::reader::{Found, LogView, Reader, step};
use super::recovery;
use crate::error::Context;
use crate::storage::{Disk, Storage};
use crate::{Error, Result};

/// What a queue held when it was looked at. Works on a read-only file system, and for a user who
/// may only read.
#[derive(Debug)]
pub struct FileView {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    control: Control,
    head: Position,
    cursor: Position,
    reader: Reader,
    marks: u64,
}

impl FileView {
    /// Looks at the queue in `path`.
    ///
    /// # Errors
    /// [`Error::Unrecognised`] where there is no queue, [`Error::Io`] where it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_in(Arc::new(Disk), path)
    }

    #[doc(hidden)]
    pub fn open_in(storage: Arc<dyn Storage>, path: &Path) -> Result<Self> {
        let dir = storage.canonical(path).context("open", path)?;
        let Some((control, head)) = recovery::inspect(&*storage, &dir)? else {
            let reason = "it holds no queue of this format".to_owned();
            return Err(Error::Unrecognised { path: dir, reason });
        };
        let mut view = Self {
            cursor: control.tail,
            storage,
            dir,
            control,
            head,
            reader: Reader::default(),
            marks: 0,
        };
        view.marks = recovery::count_marks(&view.control, &view.log())?;
        Ok(view)
    }

    fn log(&self) -> LogView<'_> {
        LogView {
            storage: &*self.storage,
            dir: &self.dir,
            salt: self.control.salt,
            head: self.head,
        }
    }

    /// The name of the serializer that the items were written with.
    pub fn codec(&self) -> &str {
        &self.control.codec
    }

    /// How many records are not final.
    pub fn len(&self) -> u64 {
        self.head.sequence.saturating_sub(self.control.tail.sequence).saturating_sub(self.marks)
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many records were ever put in this queue.
    pub fn put_so_far(&self) -> u64 {
        self.head.sequence
    }

    /// Starts again at the first record.
    pub fn rewind(&mut self) {
        self.cursor = self.control.tail;
    }

    /// Copies the next record's payload into `into`; gives its sequence number.
    ///
    /// # Errors
    /// [`Error::Corrupted`] for each damaged place, [`Error::Io`].
    pub fn next_record(&mut self, into: &mut Vec<u8>) -> Result<Option<u64>> {
        loop {
            into.clear();
            let mut reader = std::mem::take(&mut self.reader);
            let mut at = self.cursor;
            let found = reader.next(&mut at, &self.log(), into);
            self.reader = reader;
            match found? {
                Found::Head => return Ok(None),
                Found::Record { size, marked } => {
                    self.cursor = step(at, size);
                    if !marked {
                        return Ok(Some(at.sequence));
                    }
                }
                Found::Damaged(damaged) => {
                    let (damage, resume) = *damaged;
                    self.cursor = resume;
                    return Err(Error::Corrupted {
                        path: damage.path,
                        offset: damage.offset,
                        bytes: damage.bytes.len() as u64,
                        records: damage.records,
                        kept: None,
                    });
                }
            }
        }
    }
}
