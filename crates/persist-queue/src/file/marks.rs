//! Completion marks: written into records that are finished before an older one.

use std::path::Path;

use super::control::Position;
use super::record;
use super::segment::{self, Segment};
use crate::Result;
use crate::error::Context;
use crate::storage::{Access, Storage, StorageMap};

/// How much of a segment is mapped at a time, in bytes. Marks come close to each other, and a call for
/// each would take longer than all else that finishing a record does.
const WINDOW: u64 = 64 * 1024;

/// Where a mark was written last.
#[derive(Debug)]
pub(super) struct Marked {
    segment: Segment,
    map: Option<Box<dyn StorageMap>>,
}

impl Marked {
    /// Goes to the segment of `number`, which may be the one at the head; nothing where it is gone.
    pub(super) fn enter<'a>(
        marked: &'a mut Option<Self>,
        storage: &dyn Storage,
        dir: &Path,
        head: &Segment,
        number: u64,
    ) -> Result<Option<&'a mut Self>> {
        if marked.as_ref().is_none_or(|marked| marked.segment.number != number) {
            let segment = if number == head.number {
                Some(head.clone())
            } else {
                segment::open(storage, dir, number, Access::Write)?
            };
            *marked = segment.map(|segment| Self { segment, map: None });
        }
        Ok(marked.as_mut())
    }

    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Marks the record at `at`, or takes its mark away.
    pub(super) fn write(&mut self, at: Position, mark: u32, mapped: bool) -> Result<()> {
        let (bytes, offset) = (record::mark_bytes(mark), at.offset + record::MARK);
        if mapped && !self.covers(offset) {
            self.map_around(offset);
        }
        let covered = self.covers(offset);
        let written = match self.map.as_mut().filter(|_| covered) {
            Some(map) => map.publish(&bytes, offset),
            None => self.segment.file.write_all_at(&bytes, offset),
        };
        if written.is_err() {
            self.map = None;
        }
        written.context("write", &self.segment.path)
    }

    fn covers(&self, offset: u64) -> bool {
        let end = offset + record::ALIGNMENT as u64;
        let range = self.map.as_ref().map(|map| map.range());
        range.is_some_and(|range| range.start <= offset && end <= range.end)
    }

    /// Only what is there is mapped: nothing is to be added to a segment here.
    #[cold]
    fn map_around(&mut self, offset: u64) {
        let start = offset / WINDOW * WINDOW;
        let there = self.segment.file.size().is_ok_and(|size| start + WINDOW <= size);
        self.map = if there { self.segment.file.map(start..start + WINDOW) } else { None };
    }
}
