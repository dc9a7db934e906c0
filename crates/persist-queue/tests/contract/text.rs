//! Queues of text, and a codec that is picky.

use std::thread::{ScopedJoinHandle, sleep};
use std::time::{Duration, Instant};

use persist_queue::codec::CodecError;
use persist_queue::{Codec, FileQueue, FileView, Options};
use tempfile::TempDir;

/// Long enough for a thread that waits to wait.
pub(crate) const MOMENT: Duration = Duration::from_millis(40);

/// Nothing takes longer unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Queue = FileQueue<String, Picky>;

/// Text that is stored as it is, but for some where it is strict.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picky {
    pub(crate) strict: bool,
}

pub(crate) const NO_ENCODING: &str = "cannot be encoded";

pub(crate) const NO_DECODING: &str = "cannot be decoded";

pub(crate) const PANIC: &str = "panics when it is decoded";

impl Codec<String> for Picky {
    fn name(&self) -> &'static str {
        "text"
    }

    fn encode(&self, item: &String, into: &mut Vec<u8>) -> Result<(), CodecError> {
        into.extend_from_slice(item.as_bytes());
        if item == NO_ENCODING { Err(item.as_str().into()) } else { Ok(()) }
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, CodecError> {
        let item = String::from_utf8(bytes.to_vec())?;
        assert!(item != PANIC || !self.strict, "as it says");
        if item == NO_DECODING && self.strict { Err(item.into()) } else { Ok(item) }
    }
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn open_with(folder: &TempDir, options: Options) -> Queue {
    open_as(folder, options, Picky { strict: true })
}

pub(crate) fn open_as(folder: &TempDir, options: Options, codec: Picky) -> Queue {
    options.open_with(folder.path().join("queue"), codec).unwrap()
}

pub(crate) fn plain(folder: &TempDir) -> Queue {
    open_with(folder, Options::new())
}

pub(crate) fn autosave(folder: &TempDir) -> Queue {
    open_with(folder, Options::new().autosave(true))
}

pub(crate) fn bounded(folder: &TempDir, maxsize: u64) -> Queue {
    open_with(folder, Options::new().maxsize(maxsize))
}

pub(crate) fn put_all(queue: &Queue, items: &[&str]) {
    for item in items {
        queue.put((*item).to_owned()).unwrap();
    }
}

/// Takes without waiting; an error is no item.
pub(crate) fn take(queue: &Queue) -> Option<String> {
    queue.try_get().unwrap()
}

pub(crate) fn take_all(queue: &Queue) -> Vec<String> {
    queue.iter().map(Result::unwrap).collect()
}

/// What somebody sees who opens the folder after this process died.
pub(crate) fn on_the_disk(folder: &TempDir) -> Vec<String> {
    let mut view = FileView::open(&folder.path().join("queue")).unwrap();
    let (mut found, mut bytes) = (Vec::new(), Vec::new());
    while view.next_record(&mut bytes).unwrap().is_some() {
        found.push(String::from_utf8(bytes.clone()).unwrap());
    }
    found
}

/// Fails if the thread does not end by itself.
pub(crate) fn ends<T>(thread: ScopedJoinHandle<'_, T>, queue: &Queue) -> T {
    let deadline = Instant::now() + PATIENCE;
    while !thread.is_finished() {
        if Instant::now() > deadline {
            // So that the test can end.
            let _ = queue.close();
            panic!("a thread waits for ever");
        }
        sleep(Duration::from_millis(1));
    }
    thread.join().unwrap()
}
