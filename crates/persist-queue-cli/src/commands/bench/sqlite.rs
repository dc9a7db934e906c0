//! The queues in SQLite databases.

use std::path::PathBuf;

use persist_queue::codec::Bytes;
use persist_queue::sql::{Kind, PutOptions};
use persist_queue::{Rejected, SqliteAckQueue, SqliteOptions, SqliteQueue, Wait};

use super::level::Level;
use super::scene::Subject;
use super::stage::{BATCH, Stage, items_in};
use crate::failure::{Failure, Result};

/// How many priorities the items have.
const PRIORITIES: u64 = 10;

/// The database of a scene.
pub(super) fn database(level: Level, stage: &Stage<'_>) -> PathBuf {
    match level {
        Level::Memory => PathBuf::from(":memory:"),
        Level::Process | Level::Disk => stage.folder.join("data.db"),
    }
}

pub(super) fn play(subject: Subject, level: Level, stage: &Stage<'_>) -> Result<()> {
    let kind = match subject {
        Subject::SqliteFilo => Kind::Filo,
        Subject::SqliteUnique => Kind::Unique,
        Subject::SqlitePriority => Kind::Priority,
        _ => Kind::Fifo,
    };
    let options = SqliteOptions::new().kind(kind).durability(level.durability());
    let queue: SqliteQueue<Vec<u8>, _> = options.open_with(database(level, stage), Bytes)?;
    let put = stage.each("put", stage.extent.items, |number| {
        let priority = if kind == Kind::Priority { number % PRIORITIES } else { 0 };
        stored(queue.put_with(stage.item(number), priority.cast_signed(), Wait::No))
    })?;
    stage.each("get", put, |_| stage.check(queue.try_get()?))?;
    // The other kinds share these calls.
    if kind == Kind::Fifo && stage.is_alone() {
        let batches = stage.batches("put_many", stage.extent.items, || {
            all_stored(queue.put_many(stage.batch(), Wait::No))
        })?;
        stage.batches("get_many", items_in(&batches), || {
            stage.check_batch(queue.get_many(BATCH as usize, Wait::No)?)
        })?;
    }
    Ok(())
}

pub(super) fn play_acknowledged(level: Level, stage: &Stage<'_>) -> Result<()> {
    let options = SqliteOptions::new().durability(level.durability());
    let queue: SqliteAckQueue<Vec<u8>, _> = options.open_ack_with(database(level, stage), Bytes)?;
    let put =
        stage.each("put", stage.extent.items, |number| stored(queue.put(stage.item(number))))?;
    let gone = || Failure::failed("an item that was put did not come");
    let held = stage.gather("get", put, |_| queue.try_get()?.ok_or_else(gone))?;
    // All that is held: what is not goes back when it is dropped, one by one.
    stage.all("ack", 1, held, |delivery| stage.check(Some(delivery.ack()?)))?;
    if stage.is_alone() {
        let batches = stage.batches("put_many", stage.extent.items, || {
            all_stored(queue.put_many(stage.batch(), PutOptions::default(), Wait::No))
        })?;
        let held = stage.batches("get_many", items_in(&batches), || {
            Ok(queue.get_many(BATCH as usize, Wait::No, None)?)
        })?;
        stage.all("ack_many", BATCH, held, |deliveries| {
            let items = queue.ack_many(deliveries)?.into_iter().collect::<Result<_, _>>()?;
            stage.check_batch(items)
        })?;
    }
    Ok(())
}

/// A unique queue stores nothing where an item waits already: that would be measured as fast.
fn stored(put: Result<Option<i64>, Rejected<Vec<u8>>>) -> Result<()> {
    let id = put.map_err(|rejected| rejected.error)?;
    id.map(|_| ()).ok_or_else(|| Failure::failed("an item was not stored"))
}

fn all_stored(put: Result<Vec<Option<i64>>, Rejected<Vec<Vec<u8>>>>) -> Result<()> {
    let ids = put.map_err(|rejected| rejected.error)?;
    let all = ids.iter().all(Option::is_some);
    if all { Ok(()) } else { Err(Failure::failed("an item was not stored")) }
}
