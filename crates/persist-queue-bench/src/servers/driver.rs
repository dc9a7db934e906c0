//! A database's driver alone: what each put and each take must at least ask of the server.

use std::cell::RefCell;
use std::rc::Rc;

use mysql::prelude::Queryable;
use postgres::{Client, NoTls};

use crate::{ITEM, Make, Timed};

const DATABASE: &str = "persistqueue_bench";
const DROP: &str = "DROP TABLE IF EXISTS persistqueue_bench_driver";
const INSERT: &str = "INSERT INTO persistqueue_bench_driver (data) VALUES";
const CLAIM: &str =
    "SELECT id, data FROM persistqueue_bench_driver ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED";
const DELETE: &str = "DELETE FROM persistqueue_bench_driver WHERE id =";

/// One INSERT, and a claim: a row locked, deleted and committed in two round trips. With the URL that has a
/// database, which is made where the given one names none.
pub(crate) fn calls(url: String) -> (String, Vec<Timed<'static>>) {
    let named = url.matches('/').count() > 2;
    let url = if named { url } else { with_database(&url) };
    let calls = match Make::of(&url) {
        Make::MySql => of_mysql(&url),
        _ => of_postgres(&url),
    };
    (url, calls)
}

fn with_database(url: &str) -> String {
    if Make::of(url) == Make::MySql {
        let create = format!("CREATE DATABASE IF NOT EXISTS {DATABASE}");
        mysql::Conn::new(mysql::Opts::from_url(url).unwrap()).unwrap().query_drop(create).unwrap();
    } else {
        let mut connection = Client::connect(&format!("{url}/postgres"), NoTls).unwrap();
        let there = format!("SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'");
        if connection.query(&there, &[]).unwrap().is_empty() {
            connection.batch_execute(&format!("CREATE DATABASE {DATABASE}")).unwrap();
        }
    }
    format!("{url}/{DATABASE}")
}

fn of_mysql(url: &str) -> Vec<Timed<'static>> {
    let mut connection = mysql::Conn::new(mysql::Opts::from_url(url).unwrap()).unwrap();
    connection.query_drop(DROP).unwrap();
    let columns = "id BIGINT AUTO_INCREMENT PRIMARY KEY, data LONGBLOB";
    connection
        .query_drop(format!("CREATE TABLE persistqueue_bench_driver ({columns}) ENGINE=InnoDB"))
        .unwrap();
    let shared = Rc::new(RefCell::new(connection));
    let puts = Rc::clone(&shared);
    let put = move || puts.borrow_mut().exec_drop(format!("{INSERT} (?)"), (&ITEM[..],)).unwrap();
    let take = move || {
        let mut connection = shared.borrow_mut();
        let text = format!("BEGIN; {CLAIM}");
        let mut found = None;
        let mut result = connection.query_iter(text).unwrap();
        while let Some(set) = result.iter() {
            for row in set {
                let (id, _data): (i64, Vec<u8>) = mysql::from_row(row.unwrap());
                found = Some(id);
            }
        }
        drop(result);
        connection.query_drop(format!("{DELETE} {}; COMMIT", found.unwrap())).unwrap();
    };
    vec![Timed::new("driver: insert", put), Timed::new("driver: claim", take)]
}

fn of_postgres(url: &str) -> Vec<Timed<'static>> {
    let mut connection = Client::connect(url, NoTls).unwrap();
    connection.batch_execute(DROP).unwrap();
    connection
        .batch_execute(
            "CREATE TABLE persistqueue_bench_driver (id BIGSERIAL PRIMARY KEY, data BYTEA)",
        )
        .unwrap();
    let insert = connection.prepare(&format!("{INSERT} ($1)")).unwrap();
    let shared = Rc::new(RefCell::new(connection));
    let puts = Rc::clone(&shared);
    let put = move || puts.borrow_mut().execute(&insert, &[&&ITEM[..]]).unwrap();
    let take = move || {
        let mut connection = shared.borrow_mut();
        let rows = connection.simple_query(&format!("BEGIN; {CLAIM}")).unwrap();
        let id = rows.iter().find_map(|row| match row {
            postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        connection.batch_execute(&format!("{DELETE} {}; COMMIT", id.unwrap())).unwrap();
    };
    vec![Timed::new("driver: insert", put), Timed::new("driver: claim", take)]
}
