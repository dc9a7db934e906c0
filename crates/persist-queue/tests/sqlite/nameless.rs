//! The tables of the asynchronous classes of persist-queue 1.1.0, which forget a queue's name.

use std::path::Path;

use persist_queue::sql::Kind;
use persist_queue::{Durability, SqliteOptions, SqliteQueue};
use rusqlite::Connection;

fn options() -> SqliteOptions {
    SqliteOptions::new().durability(Durability::Process).joins_nameless(true)
}

fn fill(path: &Path, table: &str, items: &[&str]) {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS {table} \
             (_id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB, timestamp FLOAT)"
        ))
        .unwrap();
    for item in items {
        // A short text in MessagePack.
        let data = [&[0xa0 | u8::try_from(item.len()).unwrap()], item.as_bytes()].concat();
        let insert = format!("INSERT INTO {table} (data, timestamp) VALUES (?1, 0)");
        connection.execute(&insert, [data]).unwrap();
    }
}

fn all(queue: &SqliteQueue<String>) -> Vec<String> {
    std::iter::from_fn(|| queue.try_get().unwrap()).collect()
}

#[test]
fn a_nameless_table_with_rows_is_gone_on_with_whatever_the_name() {
    for (kind, table) in [(Kind::Fifo, "queue"), (Kind::Filo, "filo_queue")] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.db");
        fill(&path, table, &["a", "b"]);
        let queue: SqliteQueue<String> = options().kind(kind).name("mine").open(&path).unwrap();
        assert_eq!(queue.put("c".to_owned()).unwrap(), Some(3));
        let mut items = all(&queue);
        if kind == Kind::Filo {
            items.reverse();
        }
        assert_eq!(items, ["a", "b", "c"]);

        // Who comes while it is empty joins those that use it.
        let other: SqliteQueue<String> = options().kind(kind).open(&path).unwrap();
        other.put("d".to_owned()).unwrap();
        assert_eq!(queue.try_get().unwrap().as_deref(), Some("d"));
        drop((queue, other));
        let named: SqliteQueue<String> = options().kind(kind).name("mine").open(&path).unwrap();
        named.put("e".to_owned()).unwrap();
        let connection = Connection::open(&path).unwrap();
        let count = |table: String| {
            let count = format!("SELECT COUNT(*) FROM {table}");
            connection.query_row(&count, [], |row| row.get::<_, i64>(0)).unwrap()
        };
        assert_eq!([count(table.to_owned()), count(format!("{table}_mine"))], [0, 1]);
    }
}

#[test]
fn a_nameless_table_is_left_alone_by_who_did_not_ask_and_where_it_is_something_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.db");
    fill(&path, "queue", &["a"]);
    let asked_not: SqliteQueue<String> = options().joins_nameless(false).open(&path).unwrap();
    assert_eq!(asked_not.try_get().unwrap(), None);

    let path = dir.path().join("other.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE queue (who); INSERT INTO queue VALUES (1)").unwrap();
    let queue: SqliteQueue<String> = options().open(&path).unwrap();
    queue.put("a".to_owned()).unwrap();
    assert_eq!(all(&queue), ["a"]);
    let left = connection.query_row("SELECT COUNT(*) FROM queue", [], |row| row.get::<_, i64>(0));
    assert_eq!(left, Ok(1));
}
