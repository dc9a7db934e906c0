//! A folder in one input: file behind file, each as its number, what to do with it, its length (two
//! bytes, little-endian) and its bytes, of which the last one's may be fewer.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use persist_queue::codec::CodecError;
use persist_queue::storage::{Access, SimulatedDisk, Storage};
use persist_queue::{Codec, Error, FileQueue, FileView, Options, Rejected};

pub(crate) const PATH: &str = "/queue";
/// The number of the file that is no segment: `control` or `info`.
const SPECIAL: u8 = 0;
const MOST_FILES: u8 = 8;
/// No record has this sequence number or a higher one.
const MOST_NUMBERS: u64 = 1 << 63;

/// One file of a fuzzed folder.
pub(crate) struct File {
    pub(crate) name: String,
    /// Whether its checksums are to be made right, so that what is behind them is reached.
    pub(crate) seal: bool,
    pub(crate) bytes: Vec<u8>,
}

/// The files of a folder in which `special` is the one that is no segment. The first of two with one
/// name counts.
pub(crate) fn unpack(mut input: &[u8], special: &str) -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    while let Some(([number, flags, low, high], rest)) = input.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        let name = match number % (MOST_FILES + 1) {
            SPECIAL => special.to_owned(),
            number => format!("q{:05}", number - 1),
        };
        if files.iter().all(|file| file.name != name) {
            files.push(File { name, seal: flags & 1 != 0, bytes: bytes.to_vec() });
        }
        input = rest;
    }
    files
}

/// A disk with these files in one folder.
pub(crate) fn disk<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> SimulatedDisk {
    let (disk, dir) = (SimulatedDisk::new(), Path::new(PATH));
    disk.create_dir_all(dir).expect("a folder is made");
    for (name, bytes) in files {
        let file = Storage::open(&disk, &dir.join(name), Access::CreateNew).expect("it is new");
        file.write_all_at(bytes, 0).expect("the disk is large");
    }
    disk
}

/// Payloads as they are, in a queue that was written by the serializer of this name.
pub(crate) struct Raw(pub(crate) String);

impl Codec<Vec<u8>> for Raw {
    fn name(&self) -> &str {
        &self.0
    }

    fn encode(&self, item: &Vec<u8>, into: &mut Vec<u8>) -> Result<(), CodecError> {
        into.extend_from_slice(item);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        Ok(bytes.to_vec())
    }
}

/// The queue in the folder, in which each take is final; nothing where opening is refused.
pub(crate) fn open(disk: &SimulatedDisk, codec: &str) -> Option<FileQueue<Vec<u8>, Raw>> {
    let options = Options::new().storage(Arc::new(disk.clone())).autosave(true);
    options.open_with(PATH, Raw(codec.to_owned())).ok()
}

/// All that is in the queue; `most` is how much there can be, damage included.
pub(crate) fn drain(queue: &FileQueue<Vec<u8>, Raw>, most: usize) -> Vec<Vec<u8>> {
    let mut items = Vec::new();
    for _ in 0..=most {
        match queue.try_get() {
            Ok(Some(item)) => items.push(item),
            Ok(None) => return items,
            Err(Error::Corrupted { .. }) => {}
            Err(error) => panic!("a take can only tell of damage: {error}"),
        }
    }
    panic!("more is given, or told, than there is");
}

fn put_so_far(disk: &SimulatedDisk) -> u64 {
    let view = FileView::open_in(Arc::new(disk.clone()), Path::new(PATH));
    view.expect("it is open").put_so_far()
}

/// A drained queue takes an item and gives it back, and is empty when it is opened again.
pub(crate) fn goes_on(queue: FileQueue<Vec<u8>, Raw>, disk: &SimulatedDisk, codec: &str) {
    let item = b"it goes on".to_vec();
    match queue.put(item.clone()) {
        Ok(()) => assert_eq!(drain(&queue, 1), [item]),
        // Where a forged file brought the queue to its last number, and only there.
        Err(Rejected { error: Error::Io { source, .. }, .. })
            if source.kind() == ErrorKind::StorageFull && put_so_far(disk) == MOST_NUMBERS => {}
        Err(rejected) => panic!("it takes nothing more: {}", rejected.error),
    }
    queue.close().expect("the disk works");
    drop(queue);
    let again = open(&disk.after_kill(), codec).expect("it was open before");
    assert_eq!(drain(&again, 0), Vec::<Vec<u8>>::new(), "what was final comes back");
}
