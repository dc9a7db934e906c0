//! The dictionary in an SQLite database.

use persist_queue::codec::Bytes;
use persist_queue::{DictOptions, SqliteDict};

use super::level::Level;
use super::sqlite::database;
use super::stage::Stage;
use crate::failure::{Failure, Result};

pub(super) fn play(level: Level, stage: &Stage<'_>) -> Result<()> {
    let options = DictOptions::new().durability(level.durability());
    let dict: SqliteDict<String, Vec<u8>, _> = options.open_with(database(level, stage), Bytes)?;
    let key = |number: u64| format!("key {number}");
    let set = stage.each("set", stage.extent.items, |number| {
        Ok(dict.set(&key(number), &stage.item(number))?)
    })?;
    stage.each("get", set, |number| stage.check(dict.get(&key(number))?))?;
    stage.each("remove", set, |number| {
        let was_there = dict.remove(&key(number))?;
        if was_there { Ok(()) } else { Err(Failure::failed("a key that was set is not there")) }
    })?;
    Ok(())
}
