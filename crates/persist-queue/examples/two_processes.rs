//! Run it twice in one folder, with `put` and with `get`: two programs share a queue.
//!
//! ```text
//! cargo run --example two_processes -- get &
//! cargo run --example two_processes -- put hello world
//! ```

use std::error::Error;
use std::time::Duration;

use persist_queue::{Durability, FileQueue, Options};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    // Autosave, so that any number of processes may take; on the disk before a call returns.
    let options = Options::new().autosave(true).durability(Durability::Disk);
    let queue: FileQueue<String> = options.open("two_processes_queue")?;
    match arguments.next().as_deref() {
        Some("put") => queue.put_many(arguments.collect())?,
        Some("get") => {
            while let Some(item) = queue.get_timeout(Duration::from_secs(10))? {
                eprintln!("{item}");
            }
        }
        _ => eprintln!("say put WORD... or get"),
    }
    Ok(())
}
