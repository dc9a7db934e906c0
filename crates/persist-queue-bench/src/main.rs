//! Times the file queue beside one plain write call of the same bytes.
#![allow(clippy::print_stdout, clippy::cast_precision_loss, clippy::unwrap_used)]

use std::os::unix::fs::FileExt;
use std::time::Instant;

use persist_queue::codec::Bytes;
use persist_queue::{FileQueue, Options};

const COUNT: u32 = 200_000;
const ROUNDS: usize = 9;

fn main() {
    let item = vec![7_u8; 100];
    let mut rows = vec![Vec::new(); 6];
    for _ in 0..ROUNDS {
        let dir = tempfile::tempdir_in(".").unwrap();
        let file = std::fs::File::create(dir.path().join("plain")).unwrap();
        rows[0].push(time(|index| {
            file.write_all_at(&item, u64::from(index) * 100).unwrap();
        }));
        let queue: FileQueue<Vec<u8>, Bytes> =
            Options::new().open_with(dir.path().join("q"), Bytes).unwrap();
        rows[1].push(time(|_| queue.put(item.clone()).unwrap()));
        rows[2].push(time(|_| drop(queue.get().unwrap())));
        queue.task_done().unwrap();
        rows[3].push(time(|_| {
            queue.put(item.clone()).unwrap();
            queue.get().unwrap();
            queue.task_done().unwrap();
        }));
        drop(queue);
        let queue: FileQueue<Vec<u8>, Bytes> =
            Options::new().autosave(true).open_with(dir.path().join("a"), Bytes).unwrap();
        for _ in 0..COUNT {
            queue.put(item.clone()).unwrap();
        }
        rows[4].push(time(|_| drop(queue.get().unwrap())));
        let queue: FileQueue<Vec<u8>, Bytes> =
            Options::new().chunk_records(100).open_with(dir.path().join("c"), Bytes).unwrap();
        rows[5].push(time(|_| queue.put(item.clone()).unwrap()));
    }
    let names =
        ["plain write", "put", "get", "put+get+task_done", "get, autosave", "put, 100 a segment"];
    for (name, mut times) in names.into_iter().zip(rows) {
        times.sort_by(f64::total_cmp);
        println!(
            "{name:20} {:8.1} ns  ({:.1} to {:.1})",
            times[ROUNDS / 2],
            times[0],
            times[ROUNDS - 1]
        );
    }
}

fn time(mut call: impl FnMut(u32)) -> f64 {
    let start = Instant::now();
    for index in 0..COUNT {
        call(index);
    }
    start.elapsed().as_nanos() as f64 / f64::from(COUNT)
}
