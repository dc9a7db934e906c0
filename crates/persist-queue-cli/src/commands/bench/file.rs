//! The file queue.

use persist_queue::codec::Bytes;
use persist_queue::{FileQueue, Options, Wait};

use super::level::Level;
use super::stage::{BATCH, Stage, items_in};
use crate::failure::Result;

type Queue = FileQueue<Vec<u8>, Bytes>;

pub(super) fn play(level: Level, stage: &Stage<'_>) -> Result<()> {
    let options = Options::new().durability(level.durability());
    let queue = options.clone().autosave(true).open_with(stage.folder.join("final"), Bytes)?;
    let put = stage.each("put", stage.extent.items, |number| {
        queue.put(stage.item(number)).map_err(|rejected| rejected.error.into())
    })?;
    let got = stage.each("get", put, |_| stage.check(queue.try_get()?))?;
    if !stage.is_alone() {
        return Ok(());
    }
    let batches = stage.batches("put_many", stage.extent.items, || put_batch(&queue, stage))?;
    stage.batches("get_many", items_in(&batches), || {
        stage.check_batch(queue.get_many(BATCH as usize, Wait::No)?)
    })?;
    // A take that is final with task_done, which a queue with autosave does in the get.
    let queue = options.open_with(stage.folder.join("done"), Bytes)?;
    for _ in 0..got.div_ceil(BATCH) {
        stage.unless_ended()?;
        put_batch(&queue, stage)?;
    }
    stage.each("get, task_done", got, |_| {
        stage.check(queue.try_get()?)?;
        Ok(queue.task_done()?)
    })?;
    Ok(())
}

fn put_batch(queue: &Queue, stage: &Stage<'_>) -> Result<()> {
    queue.put_many(stage.batch()).map_err(|rejected| rejected.error.into())
}
