//! `auto_commit = false`: looking at what waits, wherever it is.

use persist_queue::sql::Kind;
use persist_queue::sqlite::{Put, PutOptions, Row, SqliteStore, Which};
use persist_queue::wait::{Thread, now};
use persist_queue::{SqliteOptions, Wait};
use rusqlite::Connection;

use crate::in_its_kind;

const THREAD: u64 = 1;
const KINDS: [Kind; 4] = [Kind::Fifo, Kind::Filo, Kind::Unique, Kind::Priority];

fn put(store: &SqliteStore, data: &str, priority: i64) -> Option<i64> {
    let options = PutOptions { priority, ..PutOptions::default() };
    put_row(store, Put { data: data.into(), options, ..Put::default() })
}

fn put_row(store: &SqliteStore, put: Put) -> Option<i64> {
    now(store.put(&mut Thread, vec![put], Wait::No)).unwrap()[0]
}

#[test]
fn a_peek_shows_what_a_get_takes() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new().kind(kind).auto_commit(false);
        let store = SqliteStore::open(&dir.path().join("data.db"), options, false).unwrap();
        for (number, priority) in [4, 1, 3].into_iter().enumerate() {
            put(&store, &format!("stored {number}"), in_its_kind(kind, priority));
        }
        now(store.task_done(&mut Thread, THREAD)).unwrap();
        for (number, priority) in [2, 1, 5].into_iter().enumerate() {
            put(&store, &format!("batched {number}"), in_its_kind(kind, priority));
        }
        for _ in 0..6 {
            let shown = now(store.peek(&mut Thread, Which::Next)).unwrap().unwrap();
            assert!(now(store.contains(&mut Thread, shown.id)).unwrap());
            assert_eq!(now(store.peek(&mut Thread, Which::Id(shown.id))).unwrap().unwrap(), shown);
            let get = now(store.get(
                &mut Thread,
                THREAD,
                Wait::No,
                Which::Next,
                |_: &mut Thread, row: &Row| Ok(row.id),
            ));
            assert_eq!(get.unwrap(), Some(shown.id), "{kind:?}");
            assert!(!now(store.contains(&mut Thread, shown.id)).unwrap());
            assert_eq!(now(store.peek(&mut Thread, Which::Id(shown.id))).unwrap(), None);
        }
        assert_eq!(now(store.peek(&mut Thread, Which::Next)).unwrap(), None);
    }
}

#[test]
fn a_value_is_known_by_both_its_spellings_and_as_text() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.db");
    let options = SqliteOptions::new().kind(Kind::Unique).auto_commit(false);
    let store = SqliteStore::open(&path, options, false).unwrap();
    let other = Connection::open(&path).unwrap();
    let insert = "INSERT INTO unique_queue_default (data, timestamp) VALUES (?1, 0)";
    let spelled = |ours: &str, theirs: &str, text| Put {
        data: ours.into(),
        also: Some(theirs.into()),
        text,
        ..Put::default()
    };
    other.execute(insert, [b"theirs"]).unwrap();
    assert_eq!(put_row(&store, spelled("ours", "theirs", false)), None);
    other.execute(insert, ["text"]).unwrap();
    assert_eq!(put_row(&store, spelled("text", "text", true)), None);
    // Put by somebody else after it was put here, and before it is written.
    assert!(put_row(&store, spelled("late", "later", false)).is_some());
    other.execute(insert, [b"later"]).unwrap();
    now(store.task_done(&mut Thread, THREAD)).unwrap();
    assert_eq!(now(store.size(&mut Thread)).unwrap(), 3);
    let rows: i64 =
        other.query_row("SELECT COUNT(*) FROM unique_queue_default", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 3);
}
