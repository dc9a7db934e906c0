//! A producer and two workers on one queue; what a worker did not finish comes back.

use std::error::Error;
use std::thread;

use persist_queue::{FileQueue, Options};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Page {
    url: String,
    depth: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let queue: FileQueue<Page> = Options::new().maxsize(1000).open(folder.path())?;
    for number in 0..20 {
        queue.put(Page { url: format!("https://example.org/{number}"), depth: 1 })?;
    }
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| work(&queue));
        }
    });
    queue.join()?;

    queue.put(Page { url: "https://example.org/unfinished".to_owned(), depth: 2 })?;
    let taken = queue.get()?;
    drop(queue); // without task_done: as if the process had died here

    let queue: FileQueue<Page> = Options::new().open(folder.path())?;
    let again = queue.get()?;
    assert_eq!((taken.url, taken.depth), (again.url, again.depth));
    queue.task_done()?;
    Ok(())
}

fn work(queue: &FileQueue<Page>) {
    while let Ok(Some(_page)) = queue.try_get() {
        // Done with it: from here on it does not come back.
        if let Err(error) = queue.task_done() {
            eprintln!("{error}");
        }
    }
}
