//! Single rows, through the store of bytes: looking without taking, mending, spelling.

use std::path::Path;

use persist_queue::sql::Kind;
use persist_queue::sqlite::{Put, PutOptions, Row, SqliteStore, Undecoded, Which};
use persist_queue::wait::{Thread, now};
use persist_queue::{Error, SqliteOptions, Wait};

use crate::in_its_kind;

fn open(dir: &Path, kind: Kind) -> SqliteStore {
    SqliteStore::open(&dir.join("data.db"), SqliteOptions::new().kind(kind), false).unwrap()
}

fn put(store: &SqliteStore, put: Put) -> Option<i64> {
    now(store.put(&mut Thread, vec![put], Wait::No)).unwrap()[0]
}

fn bytes(data: &[u8]) -> Put {
    Put { data: data.to_vec(), ..Put::default() }
}

fn get(store: &SqliteStore, which: Which) -> Option<Row> {
    now(store.get(&mut Thread, 1, Wait::No, which, |_: &mut Thread, row: &Row| Ok(row.clone())))
        .unwrap()
}

#[test]
fn a_peek_gives_what_a_get_would_and_leaves_it() {
    for (kind, first) in [(Kind::Fifo, 1), (Kind::Filo, 2)] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), kind);
        assert_eq!(now(store.peek(&mut Thread, Which::Next)).unwrap(), None);
        put(&store, bytes(b"a"));
        put(&store, bytes(b"b"));
        let seen = now(store.peek(&mut Thread, Which::Next)).unwrap();
        assert_eq!(seen.as_ref().unwrap().id, first);
        assert_eq!(now(store.peek(&mut Thread, Which::Id(2))).unwrap().unwrap().data, b"b");
        assert_eq!(now(store.peek(&mut Thread, Which::Id(3))).unwrap(), None);
        assert_eq!(now(store.size(&mut Thread)).unwrap(), 2);
        assert_eq!(get(&store, Which::Next), seen);
    }
}

#[test]
fn a_row_is_contained_until_it_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Kind::Fifo);
    let id = put(&store, bytes(b"a")).unwrap();
    assert!(now(store.contains(&mut Thread, id)).unwrap());
    assert!(!now(store.contains(&mut Thread, id + 1)).unwrap());
    let while_taken =
        now(store.get(&mut Thread, 1, Wait::No, Which::Next, |_: &mut Thread, _: &Row| {
            Ok(now(store.contains(&mut Thread, id)).unwrap())
        }));
    assert_eq!(while_taken.unwrap(), Some(false));
    assert!(!now(store.contains(&mut Thread, id)).unwrap());
}

#[test]
fn a_row_that_was_set_aside_is_given_again_when_it_was_mended() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Kind::Fifo);
    let id = put(&store, bytes(b"bad")).unwrap();
    let broken = |_: &mut Thread, _: &Row| -> Result<(), _> {
        Err(Undecoded::Broken(Box::new(Error::Invalid("bad".to_owned()))))
    };
    assert!(now(store.get(&mut Thread, 1, Wait::No, Which::Next, broken)).is_err());
    assert_eq!(get(&store, Which::Next), None);
    assert!(now(store.contains(&mut Thread, id)).unwrap());
    assert!(now(store.update(&mut Thread, id, bytes(b"good"))).unwrap());
    assert_eq!(get(&store, Which::Next).unwrap().data, b"good");
    assert!(!now(store.update(&mut Thread, id, bytes(b"late"))).unwrap());
}

#[test]
fn text_and_bytes_are_different_items_and_come_back_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Kind::Unique);
    let text = Put { text: true, ..bytes(b"a") };
    assert!(put(&store, bytes(b"a")).is_some());
    assert!(put(&store, text.clone()).is_some());
    assert!(put(&store, text).is_none());
    assert!(!get(&store, Which::Next).unwrap().text);
    assert!(get(&store, Which::Next).unwrap().text);
    assert_eq!(now(store.size(&mut Thread)).unwrap(), 0);
}

#[test]
fn an_item_that_waits_in_another_spelling_is_not_put() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Kind::Unique);
    put(&store, bytes(b"old"));
    let spelled = Put { also: Some(b"old".to_vec()), ..bytes(b"new") };
    assert_eq!(put(&store, spelled.clone()), None);
    get(&store, Which::Next);
    assert!(put(&store, spelled).is_some());
}

#[test]
fn a_row_that_is_given_back_stands_where_it_stood() {
    for kind in [Kind::Fifo, Kind::Filo, Kind::Unique, Kind::Priority] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), kind);
        for (data, priority) in [(b"a", 5), (b"b", 5), (b"c", 1), (b"d", 9)] {
            let priority = in_its_kind(kind, priority);
            let options = PutOptions { priority, ..PutOptions::default() };
            put(&store, Put { options, ..bytes(data) });
        }
        let row = get(&store, Which::Next).unwrap();
        now(store.give_back(&mut Thread, vec![row.clone()])).unwrap();
        assert_eq!(now(store.size(&mut Thread)).unwrap(), 4);
        let one = get(&store, Which::Next).unwrap();
        assert_eq!(one, row);
        let two = get(&store, Which::Next).unwrap();
        now(store.give_back(&mut Thread, vec![two.clone()])).unwrap();
        assert_eq!(get(&store, Which::Next).unwrap(), two, "{kind:?}");
    }
}
