//! What the machine can do: a queue that takes less at the same level saves itself that call.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::level::Level;
use super::stage::Stage;
use crate::failure::{Failure, Result};

/// How many places are written and flushed, in turn.
const PLACES: u64 = 100;

pub(super) fn play(level: Level, stage: &Stage<'_>) -> Result<()> {
    let path = stage.folder.join("file");
    let failed = |error| Failure::failed(format!("cannot write {}: {error}", path.display()));
    let file = File::create(&path).map_err(failed)?;
    let (items, item) = (stage.extent.items, stage.item(0));
    let write = |at: u64| file.write_all_at(&item, at * stage.extent.size);
    if level != Level::Disk {
        stage.each("write", items, |number| write(number).map_err(failed))?;
        return Ok(());
    }
    // The places are there before: a flush has the item to write and nothing else.
    (0..PLACES).try_for_each(write).and_then(|()| file.sync_all()).map_err(failed)?;
    stage.each("write + fdatasync", items, |number| {
        write(number % PLACES).and_then(|()| file.sync_data()).map_err(failed)
    })?;
    Ok(())
}
