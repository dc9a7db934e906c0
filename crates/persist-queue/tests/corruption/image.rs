//! Small queues that a killed process left, and doing damage to them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use persist_queue::storage::{Access, SimulatedDisk, Storage};

use crate::support::item::payload;
use crate::support::oracle::{Op, Setup};
use crate::support::run::Run;

pub(crate) const PATH: &str = "/queue";

/// As docs/format.md has it.
pub(crate) const SEGMENT_HEADER: usize = 128;

pub(crate) const RECORD_HEADER: usize = 24;

pub(crate) const MARK: std::ops::Range<usize> = 8..12;

/// A disk with a small queue that a killed process left.
pub(crate) struct Image {
    pub(crate) disk: SimulatedDisk,
    /// The items that are not final, in order.
    pub(crate) stored: Vec<u64>,
    /// Every item that was ever put.
    pub(crate) put: u64,
    pub(crate) records: Vec<Record>,
}

/// Where a record is.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) file: &'static str,
    pub(crate) offset: usize,
    pub(crate) id: u64,
    pub(crate) is_last: bool,
    pub(crate) is_marked: bool,
}

impl Record {
    pub(crate) fn at(id: u64, offset: usize) -> Self {
        Self { file: "q00000", offset, id, is_last: false, is_marked: false }
    }

    /// Without the padding.
    pub(crate) fn length(&self) -> usize {
        RECORD_HEADER + payload(self.id).len()
    }

    pub(crate) fn frame(&self) -> usize {
        self.length().next_multiple_of(8)
    }
}

pub(crate) fn image(ops: &[Op]) -> Image {
    let mut run = Run::new();
    run.must(Op::Open(Setup { chunk_records: 2, ..Setup::PLAIN }));
    run.all(ops);
    let disk = run.disk.after_kill();
    let (put, stored) = (run.oracle.next_id(), run.oracle.stored());
    let records = find_records(&disk, put);
    Image { disk, stored, put, records }
}

/// Four items, of which none was taken.
pub(crate) fn waiting() -> Image {
    image(&[Op::Put(1), Op::Put(1), Op::Put(1), Op::Put(1)])
}

/// The first is done; the second was in flight when the third was done.
pub(crate) fn in_use() -> Image {
    let puts = [Op::Put(1), Op::Put(1), Op::Put(1), Op::Put(1)];
    let takes = [Op::Take(1), Op::Done(1), Op::Take(1), Op::Take(2), Op::Done(2)];
    image(&[puts.as_slice(), &takes].concat())
}

/// The first segment is spent and gone.
pub(crate) fn moved_on() -> Image {
    let takes = [Op::Take(1), Op::Take(1), Op::Take(2), Op::Done(1)];
    let image = image(&[[Op::Put(1); 5].as_slice(), &takes].concat());
    assert_eq!(image.segments(), ["q00001", "q00002"]);
    image
}

pub(crate) fn images() -> [Image; 3] {
    [waiting(), in_use(), moved_on()]
}

/// Two items to a segment, one behind the other.
pub(crate) fn find_records(disk: &SimulatedDisk, put: u64) -> Vec<Record> {
    const FILES: [&str; 3] = ["q00000", "q00001", "q00002"];
    let mut records: Vec<Record> = Vec::new();
    for id in 0..put {
        let file = FILES[id as usize / 2];
        if !names(disk).contains(file) {
            continue;
        }
        let before = records.last().filter(|before| before.file == file);
        let offset = before.map_or(SEGMENT_HEADER, |before| before.offset + before.frame());
        let bytes = read(disk, file);
        let length = u32::from_le_bytes(*bytes[offset..].first_chunk().unwrap());
        let record = Record { file, offset, id, is_last: id + 1 == put, is_marked: false };
        assert_eq!(length as usize, record.length(), "the format is another one");
        let is_marked = bytes[offset..][MARK] != [0; 4];
        records.push(Record { is_marked, ..record });
    }
    records
}

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(PATH).join(name)
}

pub(crate) fn names(disk: &SimulatedDisk) -> BTreeSet<String> {
    disk.list(Path::new(PATH)).unwrap().into_iter().collect()
}

pub(crate) fn read(disk: &SimulatedDisk, name: &str) -> Vec<u8> {
    let file = Storage::open(disk, &path(name), Access::Read).unwrap();
    let mut bytes = vec![0; file.size().unwrap() as usize];
    file.read_at(&mut bytes, 0).unwrap();
    bytes
}

pub(crate) fn write(disk: &SimulatedDisk, name: &str, offset: usize, bytes: &[u8]) {
    let file = Storage::open(disk, &path(name), Access::Write).unwrap();
    file.write_all_at(bytes, offset as u64).unwrap();
}

pub(crate) fn cut(disk: &SimulatedDisk, name: &str, size: usize) {
    Storage::open(disk, &path(name), Access::Write).unwrap().set_size(size as u64).unwrap();
}

pub(crate) fn replace(disk: &SimulatedDisk, name: &str, bytes: &[u8]) {
    cut(disk, name, 0);
    write(disk, name, 0, bytes);
}

impl Image {
    /// A copy with damage.
    pub(crate) fn with(&self, damage: impl FnOnce(&SimulatedDisk)) -> SimulatedDisk {
        let disk = self.disk.after_kill();
        damage(&disk);
        disk
    }

    pub(crate) fn with_flipped_bit(&self, name: &str, bytes: &[u8], bit: usize) -> SimulatedDisk {
        let flipped = bytes[bit / 8] ^ 1 << (bit % 8);
        self.with(|disk| write(disk, name, bit / 8, &[flipped]))
    }

    pub(crate) fn files(&self) -> Vec<String> {
        names(&self.disk).into_iter().collect()
    }

    pub(crate) fn segments(&self) -> Vec<String> {
        self.files().into_iter().filter(|name| name.starts_with('q')).collect()
    }

    pub(crate) fn without(&self, lost: &BTreeSet<u64>) -> Vec<u64> {
        self.stored.iter().copied().filter(|id| !lost.contains(id)).collect()
    }
}
