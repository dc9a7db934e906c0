//! The dictionary: keys, atomic changes, going through it, what persist-queue 1.x left.

use std::path::{Path, PathBuf};
use std::time::Duration;

use persist_queue::sqlite::Key;
use persist_queue::{DictOptions, Durability, Error, SqliteDict};
use rusqlite::Connection;

type Dict<K = String> = SqliteDict<K, u64>;

fn file(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("data.db")
}

fn open<K: persist_queue::sqlite::DictKey>(path: &Path) -> Dict<K> {
    DictOptions::new().name("d").open(path).unwrap()
}

fn key(text: &str) -> String {
    text.to_owned()
}

fn all<K: persist_queue::sqlite::DictKey>(dict: &Dict<K>) -> Vec<(K, u64)> {
    dict.iter().map(Result::unwrap).collect()
}

/// A table as persist-queue 1.1.0 makes it, with the rows that `insert` makes.
fn of_1x(path: &Path, insert: &str) {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; \
             CREATE TABLE `dict_d` (key TEXT PRIMARY KEY, data BLOB); {insert}"
        ))
        .unwrap();
}

#[test]
fn what_was_set_is_there_after_reopening_in_the_order_of_setting() {
    let dir = tempfile::tempdir().unwrap();
    let dict = open(&file(&dir));
    for (at, name) in ["b", "a", "", "\0"].into_iter().enumerate() {
        dict.set(&key(name), &(at as u64)).unwrap();
    }
    dict.set(&key("b"), &9).unwrap();
    drop(dict);
    let dict = open(&file(&dir));
    assert_eq!(all(&dict), [(key("b"), 9), (key("a"), 1), (key(""), 2), (key("\0"), 3)]);
    assert_eq!(dict.len().unwrap(), 4);
    assert_eq!(dict.get(&key("a")).unwrap(), Some(1));
    assert_eq!(dict.get(&key("c")).unwrap(), None);
    assert!(dict.contains(&key("\0")).unwrap());
    assert!(dict.remove(&key("a")).unwrap());
    assert!(!dict.remove(&key("a")).unwrap());
    dict.clear().unwrap();
    assert!(dict.is_empty().unwrap());
}

#[test]
fn dictionaries_of_two_names_share_a_file_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let one: Dict = open(&file(&dir));
    let other: Dict = DictOptions::new().name("e\"`; --").open(file(&dir)).unwrap();
    one.set(&key("a"), &1).unwrap();
    assert_eq!(other.get(&key("a")).unwrap(), None);
    other.set(&key("a"), &2).unwrap();
    assert_eq!(one.get(&key("a")).unwrap(), Some(1));
}

#[test]
fn a_number_its_text_and_its_bytes_are_three_keys() {
    let dir = tempfile::tempdir().unwrap();
    let dict = open(&file(&dir));
    let keys = [Key::Text(key("1")), Key::Literal(key("1")), Key::Bytes(b"1".to_vec())];
    for (value, key) in (0..).zip(&keys) {
        dict.set(key, &value).unwrap();
    }
    for (value, key) in (0..).zip(&keys) {
        assert_eq!(dict.get(key).unwrap(), Some(value));
    }
    assert!(dict.remove(&keys[1]).unwrap());
    assert_eq!(all(&dict), [(keys[0].clone(), 0), (keys[2].clone(), 2)]);
}

#[test]
fn a_number_that_1x_stored_as_text_is_found_by_both_until_it_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    // As it binds 1, 1.0 and 0.5 (MessagePack's 7 is the byte 7).
    of_1x(
        &file(&dir),
        "INSERT INTO dict_d VALUES (5, x'07'), (1.0, x'07'), (0.5, x'07'), (NULL, x'07')",
    );
    let dict = open(&file(&dir));
    let literal = |text: &str| Key::Literal(key(text));
    assert_eq!(dict.len().unwrap(), 3);
    for number in ["5", "1", "0.5"] {
        assert_eq!(dict.get(&literal(number)).unwrap(), Some(7), "{number}");
        dict.set(&literal(number), &8).unwrap();
    }
    let text = |text: &str| Key::Text(key(text));
    assert_eq!(all(&dict), [(text("5"), 8), (text("1.0"), 8), (text("0.5"), 8)]);
    assert_eq!(dict.pop(&literal("1")).unwrap(), Some(8));
    assert_eq!(dict.pop(&literal("1")).unwrap(), None);
    assert!(dict.remove(&literal("5")).unwrap());
    assert_eq!(dict.set_default(&literal("0.5"), &1).unwrap(), Some(8));
    // From now on the number and the text are two.
    dict.set(&text("5"), &1).unwrap();
    assert_eq!(dict.get(&literal("5")).unwrap(), None);
    dict.set(&literal("5"), &2).unwrap();
    assert_eq!(dict.get(&text("5")).unwrap(), Some(1));
}

#[test]
fn keys_of_another_type_are_errors_and_the_next_entry_follows() {
    let dir = tempfile::tempdir().unwrap();
    let numbers: Dict<i64> = open(&file(&dir));
    numbers.set(&-3, &1).unwrap();
    assert_eq!(all(&numbers), [(-3, 1)]);
    let texts: Dict = open(&file(&dir));
    texts.set(&key("a"), &2).unwrap();
    let mut entries = texts.iter();
    assert!(matches!(entries.next(), Some(Err(Error::Decode { sequence: 1, .. }))));
    assert_eq!(entries.next().unwrap().unwrap(), (key("a"), 2));
    assert!(entries.next().is_none());
}

#[test]
fn a_value_that_is_not_what_was_asked_for_stays() {
    let dir = tempfile::tempdir().unwrap();
    let texts: SqliteDict<String, String> = DictOptions::new().name("d").open(file(&dir)).unwrap();
    texts.set(&key("a"), &key("text")).unwrap();
    let numbers: Dict = open(&file(&dir));
    for _ in 0..2 {
        assert!(matches!(numbers.pop(&key("a")), Err(Error::Decode { .. })));
        assert!(matches!(numbers.pop_last(), Err(Error::Decode { .. })));
    }
    assert_eq!(texts.pop(&key("a")).unwrap(), Some(key("text")));
}

#[test]
fn all_pages_are_gone_through_while_others_change_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let options = DictOptions::new().durability(Durability::Process);
    let dict: Dict<i64> = options.open(file(&dir)).unwrap();
    let entries: Vec<_> = (0..1000).map(|number| (number, 0)).collect();
    dict.set_many(entries.iter().map(|(key, value)| (key, value))).unwrap();
    let mut met = Vec::new();
    for entry in &dict {
        let (key, _) = entry.unwrap();
        met.push(key);
        dict.remove(&key).unwrap();
        dict.set(&key, &1).unwrap();
        if met.len() == 1000 {
            break;
        }
    }
    assert_eq!(met, (0..1000).collect::<Vec<_>>());
    assert_eq!(dict.len().unwrap(), 1000);
}

#[test]
fn a_rebuilt_file_does_not_make_an_iteration_skip() {
    let dir = tempfile::tempdir().unwrap();
    let dict: Dict<i64> = open(&file(&dir));
    for number in 0..600 {
        dict.set(&number, &0).unwrap();
    }
    let vacuum = || Connection::open(file(&dir)).unwrap().execute_batch("VACUUM").unwrap();
    for number in 0..200 {
        dict.remove(&number).unwrap();
    }
    let mut entries = dict.iter().map(|entry| entry.map(|(key, _)| key));
    assert_eq!(entries.next().unwrap().unwrap(), 200);
    vacuum();
    assert!(entries.by_ref().map(Result::unwrap).eq(201..600));

    let mut entries = dict.iter();
    entries.next().unwrap().unwrap();
    // The page is of 256 keys, and this is its last.
    dict.remove(&455).unwrap();
    vacuum();
    assert_eq!(entries.by_ref().take_while(Result::is_ok).count(), 255);
    assert!(entries.next().is_none());
}

#[test]
fn of_many_threads_one_sets_a_default_and_one_pops_it() {
    let dir = tempfile::tempdir().unwrap();
    let dict: Dict = open(&file(&dir));
    for round in 0..20 {
        let name = key(&round.to_string());
        let (set, popped) = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|thread| {
                    let (dict, name) = (&dict, &name);
                    scope.spawn(move || {
                        let set = dict.set_default(name, &thread).unwrap().is_none();
                        (set, dict.pop(name).unwrap().is_some())
                    })
                })
                .collect();
            let ends = threads.into_iter().map(|thread| thread.join().unwrap());
            ends.fold((0, 0), |(set, popped), end| {
                (set + u32::from(end.0), popped + u32::from(end.1))
            })
        });
        // Who pops early lets another one set again.
        assert!(set >= 1);
        assert_eq!(set, popped);
        assert!(dict.is_empty().unwrap());
    }
}

#[test]
fn the_last_key_is_popped_first() {
    let dir = tempfile::tempdir().unwrap();
    let dict: Dict = open(&file(&dir));
    for (value, name) in (0..).zip(["a", "b", "c"]) {
        dict.set(&key(name), &value).unwrap();
    }
    dict.set(&key("a"), &7).unwrap();
    let popped = std::iter::from_fn(|| dict.pop_last().unwrap());
    assert!(popped.eq([(key("c"), 2), (key("b"), 1), (key("a"), 7)]));
}

#[test]
fn a_locked_database_is_an_error_when_the_time_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let options = DictOptions::new().timeout(Duration::from_millis(50));
    let dict: Dict = options.open(file(&dir)).unwrap();
    let other = Connection::open(file(&dir)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(dict.set(&key("a"), &1), Err(Error::Locked { .. })));
    assert_eq!(dict.get(&key("a")).unwrap(), None);
    other.execute_batch("COMMIT").unwrap();
    dict.set(&key("a"), &1).unwrap();
}

#[test]
fn a_closed_dictionary_refuses_and_a_senseless_option_too() {
    let dir = tempfile::tempdir().unwrap();
    let dict: Dict = open(&file(&dir));
    dict.close();
    assert!(matches!(dict.get(&key("a")), Err(Error::Closed { .. })));
    assert!(matches!(dict.iter().next(), Some(Err(Error::Closed { .. }))));
    let options = DictOptions::new().durability(Durability::Interval(Duration::ZERO));
    assert!(matches!(options.open::<String, u64>(file(&dir)), Err(Error::Invalid(_))));
}

#[test]
fn a_dictionary_in_memory_belongs_to_one_object() {
    let (one, other): (Dict, Dict) = (open(Path::new(":memory:")), open(Path::new(":memory:")));
    one.set(&key("a"), &1).unwrap();
    assert_eq!(all(&one), [(key("a"), 1)]);
    assert_eq!(other.get(&key("a")).unwrap(), None);
}
