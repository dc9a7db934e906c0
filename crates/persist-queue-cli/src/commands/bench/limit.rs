//! What the machine can do: a queue at the same level that does with less has saved itself a call.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::level::Level;
use super::stage::Stage;
use crate::failure::{Failure, Result};

pub(super) fn play(level: Level, stage: &Stage<'_>) -> Result<()> {
    let path = stage.folder.join("file");
    let failed = |error| Failure::failed(format!("cannot write {}: {error}", path.display()));
    let file = File::create(&path).map_err(failed)?;
    let size = stage.size as u64;
    let item = stage.item(0);
    if level != Level::Disk {
        stage.each("write", |number| file.write_all_at(&item, number * size).map_err(failed))?;
        return Ok(());
    }
    // The blocks are there before: a flush has the item to write and nothing else.
    for number in 0..stage.items {
        file.write_all_at(&item, number * size).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    stage.each("write + fdatasync", |number| {
        file.write_all_at(&item, number * size).and_then(|()| file.sync_data()).map_err(failed)
    })?;
    Ok(())
}
