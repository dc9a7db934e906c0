//! What the measurements share.

use std::path::Path;
use std::time::Instant;

use persist_queue::codec::Bytes;
use persist_queue::{FileQueue, Options};

pub(crate) type Queue = FileQueue<Vec<u8>, Bytes>;

/// How large an item is where nothing else is said, in bytes.
pub(crate) const SIZE: usize = 100;

pub(crate) fn open(path: impl AsRef<Path>, options: Options) -> Queue {
    options.open_with(path, Bytes).unwrap()
}

pub(crate) fn fill(queue: &Queue, mut count: u64) {
    while count > 0 {
        let some = count.min(10_000);
        queue.put_many(vec![vec![7; SIZE]; some as usize]).unwrap();
        count -= some;
    }
}

pub(crate) fn time(count: u32, mut call: impl FnMut(u32)) -> f64 {
    let start = Instant::now();
    for index in 0..count {
        call(index);
    }
    start.elapsed().as_nanos() as f64 / f64::from(count)
}
