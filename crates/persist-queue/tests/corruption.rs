//! Damage to every bit, byte and file of a small queue. Never a panic, never a wrong item, no error
//! without end, and the queue goes on; where one record is damaged, that one is lost and no other.
#![allow(clippy::similar_names, clippy::needless_pass_by_value)]
#![cfg(feature = "simulation")]
// Helper functions outside of `#[test]` are not "in tests" for clippy.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use persist_queue::storage::{Access, Fault, SimulatedDisk, Storage};
use persist_queue::wait::Thread;
use persist_queue::{Error, FileView, Wait};

use support::item::{identify, payload};
use support::oracle::{Op, Setup};
use support::run::Run;
use support::subject::Subject;
use support::survivors::{drain_damaged, goes_on, open};

const PATH: &str = "/queue";

/// As docs/format.md has it.
const SEGMENT_HEADER: usize = 128;
const RECORD_HEADER: usize = 24;
const MARK: std::ops::Range<usize> = 8..12;

/// A disk with a small queue that a killed process left.
struct Image {
    disk: SimulatedDisk,
    /// The items that are not final, in order.
    stored: Vec<u64>,
    /// Every item that was ever put.
    put: u64,
    records: Vec<Record>,
}

/// Where a record is.
#[derive(Debug, Clone)]
struct Record {
    file: &'static str,
    offset: usize,
    id: u64,
    is_last: bool,
    is_marked: bool,
}

impl Record {
    fn at(id: u64, offset: usize) -> Self {
        Self { file: "q00000", offset, id, is_last: false, is_marked: false }
    }

    /// Without the padding.
    fn length(&self) -> usize {
        RECORD_HEADER + payload(self.id).len()
    }

    fn frame(&self) -> usize {
        self.length().next_multiple_of(8)
    }
}

fn image(ops: &[Op]) -> Image {
    let mut run = Run::new();
    run.must(Op::Open(Setup { chunk_records: 2, ..Setup::PLAIN }));
    run.all(ops);
    let disk = run.disk.after_kill();
    let (put, stored) = (run.oracle.next_id(), run.oracle.stored());
    let records = find_records(&disk, put);
    Image { disk, stored, put, records }
}

/// Four items, of which none was taken.
fn waiting() -> Image {
    image(&[Op::Put(1), Op::Put(1), Op::Put(1), Op::Put(1)])
}

/// The first is done; the second was in flight when the third was done.
fn in_use() -> Image {
    let puts = [Op::Put(1), Op::Put(1), Op::Put(1), Op::Put(1)];
    let takes = [Op::Take(1), Op::Done(1), Op::Take(1), Op::Take(2), Op::Done(2)];
    image(&[puts.as_slice(), &takes].concat())
}

/// The first segment is spent and gone.
fn moved_on() -> Image {
    let takes = [Op::Take(1), Op::Take(1), Op::Take(2), Op::Done(1)];
    let image = image(&[[Op::Put(1); 5].as_slice(), &takes].concat());
    assert_eq!(image.segments(), ["q00001", "q00002"]);
    image
}

fn images() -> [Image; 3] {
    [waiting(), in_use(), moved_on()]
}

/// Two items to a segment, one behind the other.
fn find_records(disk: &SimulatedDisk, put: u64) -> Vec<Record> {
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

// --- doing damage -------------------------------------------------------------------------------

fn path(name: &str) -> PathBuf {
    Path::new(PATH).join(name)
}

fn names(disk: &SimulatedDisk) -> BTreeSet<String> {
    disk.list(Path::new(PATH)).unwrap().into_iter().collect()
}

fn read(disk: &SimulatedDisk, name: &str) -> Vec<u8> {
    let file = Storage::open(disk, &path(name), Access::Read).unwrap();
    let mut bytes = vec![0; file.size().unwrap() as usize];
    file.read_at(&mut bytes, 0).unwrap();
    bytes
}

fn write(disk: &SimulatedDisk, name: &str, offset: usize, bytes: &[u8]) {
    let file = Storage::open(disk, &path(name), Access::Write).unwrap();
    file.write_all_at(bytes, offset as u64).unwrap();
}

fn cut(disk: &SimulatedDisk, name: &str, size: usize) {
    Storage::open(disk, &path(name), Access::Write).unwrap().set_size(size as u64).unwrap();
}

fn replace(disk: &SimulatedDisk, name: &str, bytes: &[u8]) {
    cut(disk, name, 0);
    write(disk, name, 0, bytes);
}

impl Image {
    /// A copy with damage.
    fn with(&self, damage: impl FnOnce(&SimulatedDisk)) -> SimulatedDisk {
        let disk = self.disk.after_kill();
        damage(&disk);
        disk
    }

    fn with_flipped_bit(&self, name: &str, bytes: &[u8], bit: usize) -> SimulatedDisk {
        let flipped = bytes[bit / 8] ^ 1 << (bit % 8);
        self.with(|disk| write(disk, name, bit / 8, &[flipped]))
    }

    fn files(&self) -> Vec<String> {
        names(&self.disk).into_iter().collect()
    }

    fn segments(&self) -> Vec<String> {
        self.files().into_iter().filter(|name| name.starts_with('q')).collect()
    }

    fn without(&self, lost: &BTreeSet<u64>) -> Vec<u64> {
        self.stored.iter().copied().filter(|id| !lost.contains(id)).collect()
    }
}

// --- what became of it --------------------------------------------------------------------------

/// What a queue gave before it was empty.
struct Found {
    items: Vec<u64>,
    errors: Vec<Error>,
}

impl Image {
    /// Opens what is left, takes all, and uses it; `most` is how many errors may be told.
    fn try_out(&self, disk: &SimulatedDisk, most: usize, case: &str) -> Found {
        let viewed = view(disk, most, case);
        let mut survivor = open(disk, Path::new(PATH), case);
        let (items, errors) = drain_damaged(&mut survivor, most, case);
        assert!(items.is_sorted_by(|a, b| a < b), "{case}: order, or twice: {items:?}");
        assert!(items.iter().all(|id| *id < self.put), "{case}: foreign: {items:?}");
        assert_eq!(viewed, items, "{case}: what a view shows");
        goes_on(survivor, disk, Path::new(PATH), case);
        Found { items, errors }
    }

    /// Nothing is lost; what was final may come again.
    fn loses_nothing(&self, disk: &SimulatedDisk, case: &str) {
        let found = self.try_out(disk, 0, case);
        let lost: Vec<_> = self.stored.iter().filter(|id| !found.items.contains(id)).collect();
        assert!(lost.is_empty(), "{case}: lost {lost:?}");
    }

    /// Nothing is lost and nothing comes again.
    fn does_not_notice(&self, disk: &SimulatedDisk, case: &str) {
        let found = self.try_out(disk, 0, case);
        assert_eq!(found.items, self.stored, "{case}");
    }

    /// Where anything is lost that was not at the very end, that is told.
    fn tells_what_it_loses(&self, disk: &SimulatedDisk, most: usize, case: &str) {
        let found = self.try_out(disk, most, case);
        let last = found.items.last().copied();
        let is_lost = |id: &&u64| !found.items.contains(id) && Some(**id) < last;
        let lost: Vec<_> = self.stored.iter().filter(is_lost).collect();
        let told = !found.errors.is_empty();
        assert!(told || lost.is_empty(), "{case}: lost {lost:?} without a word");
    }
}

fn view(disk: &SimulatedDisk, most: usize, case: &str) -> Vec<u64> {
    let mut view = match FileView::open_in(Arc::new(disk.clone()), Path::new(PATH)) {
        Ok(view) => view,
        Err(Error::Unrecognised { .. }) => return Vec::new(),
        Err(error) => panic!("{case}: cannot look: {error}"),
    };
    let (mut found, mut errors, mut bytes) = (Vec::new(), 0, Vec::new());
    loop {
        match view.next_record(&mut bytes) {
            Ok(Some(_)) => found.push(identify(&bytes)),
            Ok(None) => return found,
            Err(Error::Corrupted { .. }) => errors += 1,
            Err(error) => panic!("{case}: view: {error}"),
        }
        assert!(errors <= most, "{case}: a view without end");
    }
}

// --- one record ---------------------------------------------------------------------------------

/// A bit of a record that its checksum covers.
fn is_lost_alone(image: &Image, record: &Record, disk: &SimulatedDisk, case: &str) {
    let found = image.try_out(disk, 1, case);
    assert_eq!(found.items, image.without(&BTreeSet::from([record.id])), "{case}");
    let was_stored = image.stored.contains(&record.id);
    match found.errors.as_slice() {
        [] => assert!(record.is_last || !was_stored, "{case}: lost without a word"),
        [error] => {
            assert!(!record.is_last && (was_stored || record.is_marked), "{case}: {error}");
            is_told_exactly(record, disk, error, case);
        }
        more => panic!("{case}: {more:?}"),
    }
}

fn is_told_exactly(record: &Record, disk: &SimulatedDisk, error: &Error, case: &str) {
    let Error::Corrupted { path: file, offset, bytes, records, kept } = error else {
        panic!("{case}: {error}")
    };
    assert_eq!(*file, path(record.file), "{case}");
    assert_eq!((*offset, *records), (record.offset as u64, 1), "{case}");
    let name = format!("damaged-{}-{}", record.file, record.offset);
    assert_eq!(*kept, Some(path(&name)), "{case}");
    let copy = read(disk, &name);
    assert_eq!(*bytes, copy.len() as u64, "{case}");
    // Zeros at the end of a segment may be space that was never written.
    assert!(copy.len() <= record.frame() && copy.len() >= RECORD_HEADER, "{case}: {bytes}");
}

#[test]
fn each_bit_of_each_record() {
    for image in images() {
        for record in &image.records {
            let bytes = read(&image.disk, record.file);
            for bit in 0..record.frame() * 8 {
                let at = bit / 8;
                let case = format!("bit {bit} of {record:?}");
                let disk = image.with_flipped_bit(record.file, &bytes, record.offset * 8 + bit);
                if MARK.contains(&at) && record.is_marked {
                    image.loses_nothing(&disk, &case);
                } else if MARK.contains(&at) || at >= record.length() {
                    image.does_not_notice(&disk, &case);
                } else {
                    is_lost_alone(&image, record, &disk, &case);
                }
            }
        }
    }
}

#[test]
fn each_bit_of_each_segment_header() {
    for image in images() {
        for name in image.segments() {
            let bytes = read(&image.disk, &name);
            for bit in 0..SEGMENT_HEADER * 8 {
                let disk = image.with_flipped_bit(&name, &bytes, bit);
                image.does_not_notice(&disk, &format!("bit {bit} of {name}"));
            }
        }
    }
}

#[test]
fn each_bit_of_the_control_file() {
    let image = in_use();
    let bytes = read(&image.disk, "control");
    for bit in 0..bytes.len() * 8 {
        let disk = image.with_flipped_bit("control", &bytes, bit);
        image.loses_nothing(&disk, &format!("bit {bit}"));
    }
}

/// The slots are where the bits matter; a tail that is one step old must not be taken for damage
/// though its segment is gone.
#[test]
fn each_bit_of_the_slots_when_a_segment_is_gone() {
    let image = moved_on();
    let bytes = read(&image.disk, "control");
    for bit in (0..256 * 8).chain(4096 * 8..(4096 + 256) * 8) {
        let disk = image.with_flipped_bit("control", &bytes, bit);
        image.loses_nothing(&disk, &format!("bit {bit}"));
    }
}

// --- ends ---------------------------------------------------------------------------------------

#[test]
fn the_control_file_cut_at_each_byte() {
    let image = in_use();
    for size in 0..read(&image.disk, "control").len() {
        let disk = image.with(|disk| cut(disk, "control", size));
        image.loses_nothing(&disk, &format!("cut at {size}"));
    }
}

#[test]
fn each_segment_cut_at_each_byte() {
    for image in images() {
        for name in image.segments() {
            for size in 0..read(&image.disk, &name).len() {
                let disk = image.with(|disk| cut(disk, &name, size));
                what_is_cut_off_is_lost(&image, &disk, &name, size);
            }
        }
    }
}

fn what_is_cut_off_is_lost(image: &Image, disk: &SimulatedDisk, name: &str, size: usize) {
    let case = format!("{name} cut at {size}");
    let found = image.try_out(disk, 1, &case);
    let is_lost = |record: &&Record| record.file == name && record.offset + record.length() > size;
    let lost: BTreeSet<u64> =
        image.records.iter().filter(is_lost).map(|record| record.id).collect();
    assert_eq!(found.items, image.without(&lost), "{case}");
    let is_last = image.segments().last().is_some_and(|last| last == name);
    let missed = image.stored.iter().any(|id| lost.contains(id));
    assert!(!is_last || found.errors.is_empty(), "{case}: a torn end is no damage");
    assert!(is_last || !missed || found.errors.len() == 1, "{case}: lost without a word");
}

#[test]
fn garbage_behind_each_file() {
    for image in images() {
        let mut garbage: Vec<Vec<u8>> = vec![vec![0], vec![0xFF], vec![0; 700], vec![0xFF; 700]];
        garbage.push((0..700_u32).map(|at| (at * 7 + 3) as u8).collect());
        garbage.push(b"{\"somebody\": \"else\"}\n".to_vec());
        // Whole records of this very queue that have been there already.
        for record in &image.records {
            let bytes = read(&image.disk, record.file);
            garbage.push(bytes[record.offset..record.offset + record.frame()].to_vec());
            garbage.push(bytes);
        }
        for name in image.files() {
            for garbage in &garbage {
                let end = read(&image.disk, &name).len();
                let disk = image.with(|disk| write(disk, &name, end, garbage));
                let case = format!("{} bytes behind {name}: {garbage:?}", garbage.len());
                image.does_not_notice(&disk, &case);
            }
        }
    }
}

// --- whole files --------------------------------------------------------------------------------

#[test]
fn each_file_deleted() {
    for image in images() {
        for name in image.files() {
            let disk = image.with(|disk| disk.remove(&path(&name)).unwrap());
            let case = format!("{name} deleted");
            if name == "control" {
                image.loses_nothing(&disk, &case);
            } else {
                what_is_cut_off_is_lost(&image, &disk, &name, 0);
            }
        }
    }
}

#[test]
fn the_control_file_replaced_by_something_else() {
    let foreign = [
        Vec::new(),
        vec![0],
        vec![0; 8192],
        vec![0xFF; 8192],
        vec![0xFF; 100_000],
        b"PQRSCTL1".repeat(1024),
        b"{}\n".to_vec(),
    ];
    for image in images() {
        for bytes in &foreign {
            let disk = image.with(|disk| replace(disk, "control", bytes));
            image.loses_nothing(&disk, &format!("{} bytes as control file", bytes.len()));
        }
    }
}

#[test]
fn the_control_file_of_another_queue() {
    let other = image(&[Op::Put(1)]);
    for image in images() {
        let foreign = read(&other.disk, "control");
        let disk = image.with(|disk| replace(disk, "control", &foreign));
        image.loses_nothing(&disk, "the control file of another queue");
    }
}

#[test]
fn two_segments_swapped() {
    for image in images() {
        let [.., first, second] = &image.segments()[..] else { panic!("two segments") };
        let bytes = [read(&image.disk, first), read(&image.disk, second)];
        let disk = image.with(|disk| {
            replace(disk, first, &bytes[1]);
            replace(disk, second, &bytes[0]);
        });
        image.tells_what_it_loses(&disk, 4, "swapped");
    }
}

#[test]
fn a_segment_in_the_place_of_another() {
    for image in images() {
        for from in image.segments() {
            for to in image.segments() {
                let bytes = read(&image.disk, &from);
                let disk = image.with(|disk| replace(disk, &to, &bytes));
                image.tells_what_it_loses(&disk, 4, &format!("{from} in the place of {to}"));
            }
        }
    }
}

#[test]
fn each_sector_of_each_file_overwritten() {
    for image in images() {
        for name in image.files() {
            let size = read(&image.disk, &name).len();
            for offset in (0..size).step_by(512) {
                for value in [0, 0xFF, 0xA5] {
                    let sector = vec![value; 512.min(size - offset)];
                    let disk = image.with(|disk| write(disk, &name, offset, &sector));
                    let case = format!("{value:#x} at {offset} of {name}");
                    if name == "control" {
                        image.loses_nothing(&disk, &case);
                    } else {
                        image.tells_what_it_loses(&disk, 2, &case);
                    }
                }
            }
        }
    }
}

#[test]
fn a_folder_in_the_place_of_a_segment_is_a_clear_error() {
    let image = waiting();
    let disk = image.with(|disk| {
        disk.remove(&path("q00001")).unwrap();
        disk.create_dir_all(&path("q00001")).unwrap();
    });
    let opened = Subject::open(Arc::new(disk), Path::new(PATH), Setup::AUTOSAVE);
    let error = opened.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("q00001"), "{error}");
}

// --- while the queue is in use ------------------------------------------------------------------

/// A queue of five items whose second record is damaged.
fn damaged_second() -> (Image, SimulatedDisk) {
    let larger = Setup { chunk_records: 100, ..Setup::PLAIN };
    let mut run = Run::new();
    run.all(&[Op::Open(larger), Op::Put(5)]);
    let offset = SEGMENT_HEADER + Record::at(0, 0).frame();
    let second = Record::at(1, offset);
    let disk = run.disk.after_kill();
    let image = Image { disk, stored: vec![0, 1, 2, 3, 4], put: 5, records: vec![second.clone()] };
    let damaged = image.with(|disk| write(disk, "q00000", second.offset + RECORD_HEADER, b"!"));
    (image, damaged)
}

fn plain(disk: &SimulatedDisk) -> Subject {
    Subject::open(Arc::new(disk.clone()), Path::new(PATH), Setup::PLAIN).unwrap()
}

fn is_damage(result: Result<impl std::fmt::Debug, Error>) {
    assert!(matches!(result, Err(Error::Corrupted { records: 1, .. })), "{result:?}");
}

#[test]
fn a_peek_tells_damage_once() {
    let (_, disk) = damaged_second();
    let mut queue = plain(&disk);
    assert_eq!(queue.take(0).unwrap(), Some(0));
    is_damage(queue.peek());
    assert_eq!(queue.peek().unwrap(), Some(2));
    assert_eq!(queue.size().unwrap(), 3);
    assert_eq!(queue.store.unfinished().unwrap(), 4);
}

#[test]
fn damage_that_was_told_counts_as_done() {
    let (_, disk) = damaged_second();
    let mut queue = plain(&disk);
    let (items, errors) = drain_damaged(&mut queue, 1, "");
    assert_eq!((items, errors.len()), (vec![0, 2, 3, 4], 1));
    for left in (0..4).rev() {
        queue.done(left).unwrap();
        assert_eq!(queue.store.unfinished().unwrap(), left);
    }
    assert!(queue.store.join(&mut Thread, Wait::No).unwrap());
}

#[test]
fn a_purge_that_meets_damage_strands_nothing() {
    let (_, disk) = damaged_second();
    let mut queue = plain(&disk);
    assert_eq!(queue.take(0).unwrap(), Some(0));
    is_damage(queue.purge());
    assert_eq!(queue.size().unwrap(), 3);
    assert_eq!(queue.purge().unwrap(), 3);
    queue.done(0).unwrap();
    assert_eq!(queue.store.unfinished().unwrap(), 0);
    drop(queue);
    goes_on(open(&disk, Path::new(PATH), "purged"), &disk, Path::new(PATH), "purged");
}

#[test]
fn damage_to_an_item_that_was_given_back_is_told_once() {
    let (image, _) = damaged_second();
    let disk = image.disk.after_kill();
    let mut queue = plain(&disk);
    for (thread, id) in [(0, 0), (1, 1), (2, 2)] {
        assert_eq!(queue.take(thread).unwrap(), Some(id));
    }
    write(&disk, "q00000", image.records[0].offset + RECORD_HEADER, b"!");
    for (thread, id) in [(2, 2), (1, 1)] {
        queue.perform(Op::GiveBack(thread), &[], Some(id)).unwrap();
    }
    assert_eq!(queue.size().unwrap(), 4);
    let (items, errors) = drain_damaged(&mut queue, 1, "");
    assert_eq!((items, errors.len()), (vec![2, 3, 4], 1));
    assert_eq!((queue.size().unwrap(), queue.store.unfinished().unwrap()), (0, 4));
}

/// Until the items in front of it are final the damage is found again by whoever opens the queue,
/// and is kept in the same file.
#[test]
fn damage_behind_an_unfinished_item_is_told_again_by_the_next_opening_only() {
    let (_, disk) = damaged_second();
    for _ in 0..2 {
        let mut queue = plain(&disk.after_kill());
        let (items, errors) = drain_damaged(&mut queue, 1, "");
        assert_eq!((items, errors.len()), (vec![0, 2, 3, 4], 1));
    }
    let mut queue = plain(&disk);
    let _ = drain_damaged(&mut queue, 1, "");
    queue.done(0).unwrap();
    drop(queue);
    let mut queue = plain(&disk);
    assert_eq!(drain_damaged(&mut queue, 0, "").0, [] as [u64; 0]);
}

#[test]
fn damage_that_cannot_be_copied_keeps_its_segment() {
    let (_, disk) = damaged_second();
    let mut queue = plain(&disk);
    disk.arm(Fault::Error { at: 1, errno: libc::ENOSPC, part: 0, lasting: true });
    let (items, errors) = drain_damaged(&mut queue, 1, "");
    assert_eq!(items, [0, 2, 3, 4]);
    assert!(matches!(errors[..], [Error::Corrupted { kept: None, .. }]), "{errors:?}");
    disk.disarm();
    queue.done(0).unwrap();
    let mut autosave = goes_on_in_the_next_segment(queue, &disk);
    assert!(names(&disk).contains("damaged-q00000"), "{:?}", names(&disk));
    assert_eq!(autosave.take(0).unwrap(), None);
}

/// Puts so much that the first segment is left, and takes it.
fn goes_on_in_the_next_segment(mut queue: Subject, disk: &SimulatedDisk) -> Subject {
    for id in 5..9 {
        queue.put(&[id]).unwrap();
        assert_eq!(queue.take(0).unwrap(), Some(id));
        queue.done(0).unwrap();
    }
    drop(queue);
    open(disk, Path::new(PATH), "")
}
