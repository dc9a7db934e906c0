//! The file queue.

use persist_queue::codec::Bytes;
use persist_queue::{FileQueue, Options, Wait};

use super::level::Level;
use super::stage::{BATCH, Stage};
use crate::failure::Result;

type Queue = FileQueue<Vec<u8>, Bytes>;

pub(super) fn play(level: Level, stage: &Stage<'_>) -> Result<()> {
    let options = Options::new().durability(level.durability());
    let queue = options.clone().autosave(true).open_with(stage.folder.join("final"), Bytes)?;
    stage.each("put", |number| put(&queue, stage.item(number)))?;
    stage.each("get", |_| stage.check(queue.try_get()?))?;
    if !stage.is_alone() {
        return Ok(());
    }
    let times = level.batches();
    stage.batches("put_many", times, |first| {
        queue.put_many(stage.batch(first)).map_err(|rejected| rejected.error.into())
    })?;
    stage.batches("get_many", times, |_| {
        let items = queue.get_many(BATCH as usize, Wait::No)?;
        items.into_iter().try_for_each(|item| stage.check(Some(item)))
    })?;
    // A take that is final with task_done, which a queue with autosave does in the get.
    let queue = options.open_with(stage.folder.join("done"), Bytes)?;
    for number in 0..stage.items {
        put(&queue, stage.item(number))?;
    }
    stage.each("get, task_done", |_| {
        stage.check(queue.try_get()?)?;
        Ok(queue.task_done()?)
    })?;
    Ok(())
}

fn put(queue: &Queue, item: Vec<u8>) -> Result<()> {
    queue.put(item).map_err(|rejected| rejected.error.into())
}
