//! Items that one build puts and the other one takes.

use std::path::Path;
use std::time::Duration;

use persist_queue::{DictOptions, Options, SqliteDict, SqliteOptions};

use crate::other;

/// More than anything here takes.
const HANGS: Duration = Duration::from_secs(60);
const KINDS: [&str; 4] = ["mapped", "plain", "sqlite", "ack"];
const COUNT: u32 = 300;

/// Who put it, its number, and numbers that a machine may have in either order of bytes.
type Item = (String, u32, i64, f64);

fn item(who: &str, number: u32) -> Item {
    // Some are larger than what is written through a mapping.
    let times = if number % 50 == 7 { 100_000 } else { 1 };
    (who.repeat(times), number, -(1 << 40) - i64::from(number), f64::from(number) + 0.25)
}

/// The item's number and who put it, if each byte of it is right.
#[track_caller]
fn name((who, number, ..): &Item, item: &Item) -> String {
    assert_eq!(item, &self::item(&who[..1], *number));
    format!("{}{number}", &who[..1])
}

fn file(kind: &str) -> Options {
    Options::new().autosave(true).chunk_records(40).mapped(kind == "mapped")
}

pub(crate) fn put(kind: &str, folder: &Path, who: &str) {
    let items = (0..COUNT).map(|number| item(who, number));
    let database = folder.join("data.db");
    match kind {
        "sqlite" => {
            let queue = SqliteOptions::new().open::<Item>(database).unwrap();
            items.for_each(|item| assert!(queue.put(item).unwrap().is_some()));
        }
        "ack" => {
            let queue = SqliteOptions::new().open_ack::<Item>(database).unwrap();
            items.for_each(|item| assert!(queue.put(item).unwrap().is_some()));
        }
        kind => {
            let queue = file(kind).open::<Item>(folder).unwrap();
            items.for_each(|item| queue.put(item).unwrap());
        }
    }
}

/// Takes `count` items, waiting for them, and gives their names.
pub(crate) fn get(kind: &str, folder: &Path, count: u32) -> Vec<String> {
    let database = folder.join("data.db");
    let mut next: Box<dyn FnMut() -> Item> = match kind {
        "sqlite" => {
            let queue = SqliteOptions::new().open::<Item>(database).unwrap();
            Box::new(move || queue.get_timeout(HANGS).unwrap().expect("an item"))
        }
        "ack" => {
            let queue = SqliteOptions::new().open_ack::<Item>(database).unwrap();
            Box::new(move || queue.get().unwrap().ack().unwrap())
        }
        kind => {
            let queue = file(kind).open::<Item>(folder).unwrap();
            Box::new(move || queue.get_timeout(HANGS).unwrap().expect("an item"))
        }
    };
    (0..count)
        .map(|_| {
            let item = next();
            name(&item, &item)
        })
        .collect()
}

fn names(who: &str) -> Vec<String> {
    (0..COUNT).map(|number| format!("{who}{number}")).collect()
}

/// Starts the other build's taking; gives what it took when it is through.
fn other_gets(kind: &str, folder: &Path, count: u32) -> impl FnOnce() -> Vec<String> {
    let list = folder.join("taken");
    let path = list.display().to_string();
    let words = ["get", kind, &folder.display().to_string(), &path, &count.to_string()];
    let other = other(&words);
    move || {
        other.finish();
        std::fs::read_to_string(list).unwrap().lines().map(str::to_owned).collect()
    }
}

#[test]
fn what_the_other_build_put_is_taken() {
    for kind in KINDS {
        let folder = tempfile::tempdir().unwrap();
        other(&["put", kind, &folder.path().display().to_string(), "o"]).finish();
        assert_eq!(get(kind, folder.path(), COUNT), names("o"), "{kind}");
    }
}

#[test]
fn the_other_build_takes_what_was_put() {
    for kind in KINDS {
        let folder = tempfile::tempdir().unwrap();
        put(kind, folder.path(), "t");
        assert_eq!(other_gets(kind, folder.path(), COUNT)(), names("t"), "{kind}");
    }
}

/// Both put and both take, at the same time: each item comes once, and those of one producer in their
/// order to each consumer.
#[test]
fn both_builds_use_one_queue_at_once() {
    for kind in KINDS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        // So that opening is not what they do at once.
        put(kind, folder.path(), "x");
        assert_eq!(get(kind, folder.path(), COUNT), names("x"));
        let producer = other(&["put", kind, &path, "o"]);
        let consumer = other_gets(kind, folder.path(), COUNT);
        let (mine, others) = std::thread::scope(|scope| {
            scope.spawn(|| put(kind, folder.path(), "t"));
            let mine = get(kind, folder.path(), COUNT);
            producer.finish();
            (mine, consumer())
        });
        for taken in [&mine, &others] {
            for who in ["o", "t"] {
                let numbers = taken.iter().filter_map(|name| name.strip_prefix(who));
                let numbers: Vec<u32> = numbers.map(|number| number.parse().unwrap()).collect();
                assert!(numbers.is_sorted(), "{kind} {who} {numbers:?}");
            }
        }
        let mut all = [mine, others].concat();
        let mut expected = [names("o"), names("t")].concat();
        all.sort();
        expected.sort();
        assert_eq!(all, expected, "{kind}");
    }
}

fn dict(folder: &Path) -> SqliteDict<String, Item> {
    DictOptions::new().open(folder.join("data.db")).unwrap()
}

pub(crate) fn fill(folder: &Path) {
    let dict = dict(folder);
    for number in 0..COUNT {
        dict.set(&format!("key {number}"), &item("o", number)).unwrap();
    }
}

#[test]
fn a_dictionary_of_the_other_build_is_read() {
    let folder = tempfile::tempdir().unwrap();
    other(&["fill", &folder.path().display().to_string()]).finish();
    let dict = dict(folder.path());
    for number in 0..COUNT {
        assert_eq!(dict.get(&format!("key {number}")).unwrap(), Some(item("o", number)));
    }
    assert_eq!(dict.len().unwrap(), u64::from(COUNT));
}
