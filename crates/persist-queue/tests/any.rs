//! Queues that are opened by their names, as queues of bytes.

#![cfg(feature = "sqlite")]
#![expect(
    clippy::unwrap_used,
    reason = "a test may panic; the lint does not see that its helpers are one"
)]

use std::path::Path;

use persist_queue::any::{self, AnyQueue, AnyView, Locator, Opening};
use persist_queue::sql::Flavour;
use persist_queue::sqlite::PutOptions;
use persist_queue::{Error, Wait};

/// A name for each kind of queue, in `dir`.
fn names(dir: &Path) -> Vec<String> {
    let mut names = vec![dir.join("folder").display().to_string()];
    for flavour in Flavour::ALL {
        names.push(format!("sqlite:{}#q?kind={flavour}", dir.join("d.db").display()));
    }
    names
}

fn open(name: &str) -> AnyQueue {
    any::open(name, &Opening::new().create(true)).unwrap()
}

fn put(queue: &AnyQueue, items: &[&str]) -> u64 {
    let payloads: Vec<_> = items.iter().map(|item| item.as_bytes().to_vec()).collect();
    queue.put(&payloads, PutOptions::default(), Wait::No).unwrap()
}

fn texts(payloads: impl IntoIterator<Item = Vec<u8>>) -> Vec<String> {
    payloads.into_iter().map(|payload| String::from_utf8(payload).unwrap()).collect()
}

/// Takes all there is, and has it done.
fn drain(queue: &mut AnyQueue) -> Vec<String> {
    let taken = queue.take(100, Wait::No).unwrap();
    let items = taken.items().iter().map(|item| item.payload.clone()).collect::<Vec<_>>();
    taken.finish().unwrap();
    texts(items)
}

#[test]
fn what_is_finished_is_gone_and_what_is_given_back_comes_in_its_old_place() {
    let dir = tempfile::tempdir().unwrap();
    for name in names(dir.path()) {
        let mut queue = open(&name);
        assert_eq!(put(&queue, &["a", "b", "c"]), 3, "{name}");
        let order = if name.contains("filo") { ["c", "b", "a"] } else { ["a", "b", "c"] };
        let taken = queue.take(2, Wait::No).unwrap();
        let two = taken.items().iter().map(|item| item.payload.clone()).collect::<Vec<_>>();
        assert_eq!(texts(two), order[..2], "{name}");
        taken.give_back(true).unwrap();
        drop(queue.take(1, Wait::No).unwrap());
        let one = queue.take(1, Wait::No).unwrap();
        assert_eq!(one.items()[0].payload, order[0].as_bytes(), "{name}");
        one.finish().unwrap();
        assert_eq!(drain(&mut queue), order[1..], "{name}");
        drop(queue);
        assert_eq!(drain(&mut open(&name)), [""; 0], "{name}");
    }
}

#[test]
fn what_nobody_finished_comes_back_when_the_queue_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    for name in names(dir.path()) {
        let mut queue = open(&name);
        put(&queue, &["a", "b"]);
        let taken = queue.take(1, Wait::No).unwrap();
        let other = open(&name);
        // Not to be seen by others meanwhile, where others may take.
        if name.starts_with("sqlite:") {
            let waits = AnyView::open(&name.parse().unwrap()).unwrap().first(9).unwrap();
            assert_eq!(waits.len(), 1, "{name}");
        }
        drop(taken);
        drop((queue, other));
        assert_eq!(drain(&mut open(&name)).len(), 2, "{name}");
    }
}

#[test]
fn a_row_that_is_aside_is_no_other_objects_and_is_put_back_once() {
    let dir = tempfile::tempdir().unwrap();
    let name = format!("sqlite:{}#q", dir.path().join("d.db").display());
    let (mut one, mut other) = (open(&name), open(&name));
    put(&one, &["a", "b"]);
    let taken = one.take(1, Wait::No).unwrap();
    assert_eq!(drain(&mut other), ["b"]);
    // A look for what dead ones left finds a living one's, and leaves it.
    assert_eq!(drain(&mut other), [""; 0]);
    taken.give_back(false).unwrap();
    assert_eq!(drain(&mut other), ["a"]);
    assert_eq!(drain(&mut one), [""; 0]);
}

#[test]
fn a_unique_queue_keeps_one_of_two_where_one_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let name = format!("sqlite:{}#q?kind=unique", dir.path().join("d.db").display());
    let mut queue = open(&name);
    assert_eq!(put(&queue, &["a", "a"]), 1);
    let other = open(&name);
    let taken = queue.take(1, Wait::No).unwrap();
    assert_eq!(put(&other, &["a"]), 1);
    drop(taken);
    assert_eq!(drain(&mut queue), ["a"]);
}

#[test]
fn options_that_a_queue_does_not_have_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let options = PutOptions { priority: 1, ..PutOptions::default() };
    for name in names(dir.path()) {
        let put = open(&name).put(&[b"a".to_vec()], options, Wait::No);
        assert_eq!(put.is_ok(), name.contains("priority"), "{name}");
    }
}

#[test]
fn nothing_is_made_where_a_queue_is_only_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    for name in ["folder", "empty"] {
        let name = dir.path().join(name).display().to_string();
        let error = any::open(&name, &Opening::new()).unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
        assert!(AnyView::open(&name.parse().unwrap()).is_err());
    }
    let url = format!("sqlite:{}", dir.path().join("d.db").display());
    let error = any::open(&url, &Opening::new()).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn one_queue_in_a_database_needs_no_name_and_two_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.db").display().to_string();
    put(&open(&format!("sqlite:{path}#jobs?kind=ack")), &["a"]);
    for name in [path.clone(), dir.path().display().to_string(), format!("sqlite:{path}")] {
        assert_eq!(AnyView::open(&name.parse().unwrap()).unwrap().first(9).unwrap().len(), 1);
    }
    put(&open(&format!("sqlite:{path}#jobs?kind=filo")), &["b"]);
    let error = any::open(&path, &Opening::new()).unwrap_err().to_string();
    for named in ["#jobs?kind=ack", "#jobs?kind=filo"] {
        assert!(error.contains(named), "{error}");
    }
    let error = any::open(&format!("sqlite:{path}#mail"), &Opening::new()).unwrap_err();
    assert!(error.to_string().contains("#jobs?kind=ack"), "{error}");
    let kind = any::open(&format!("sqlite:{path}?kind=filo"), &Opening::new()).unwrap();
    assert_eq!(kind.codec(), None);
}

#[test]
fn a_look_at_a_database_of_the_original_changes_nothing_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.db");
    // From here on this process locks in our manner; a connection must not see that change.
    drop(open(&format!("sqlite:{}", dir.path().join("other.db").display())));
    let connection = persist_queue::rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE ack_queue_default (_id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB, \
             timestamp FLOAT, status INTEGER); \
             INSERT INTO ack_queue_default (data, timestamp, status) VALUES (x'61', 1.5, 0), \
             (x'62', 2.5, 2), (x'63', 3.5, 5); CREATE TABLE queue_of_people (name TEXT);",
        )
        .unwrap();
    drop(connection);
    let before = std::fs::read(&path).unwrap();
    let mut view = AnyView::open(&dir.path().display().to_string().parse().unwrap()).unwrap();
    assert_eq!(view.first(9).unwrap().len(), 1);
    let stats = view.stats().unwrap();
    assert_eq!((stats.depth, stats.in_flight, stats.acked), (1, Some(1), Some(1)));
    assert!(stats.oldest.unwrap().as_secs() > 1_000_000);
    let statuses = std::iter::from_fn(|| view.next_entry().unwrap()).map(|entry| entry.status);
    assert_eq!(statuses.collect::<Vec<_>>(), [0, 2, 5]);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_list_finds_folders_and_tables_and_goes_no_deeper_than_it_was_told() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a/b/deep", "shallow"] {
        put(&open(&dir.path().join(name).display().to_string()), &["x"]);
    }
    put(&open(&format!("sqlite:{}#jobs", dir.path().join("z/data.db").display())), &["x"]);
    let names = |depth| -> Vec<String> {
        let listed = any::list(&Locator::Path(dir.path().into()), depth).unwrap();
        let root = format!("{}/", dir.path().display());
        listed.iter().map(|one| one.locator.to_string().replace(&root, "")).collect()
    };
    assert_eq!(names(8), ["a/b/deep", "shallow", "sqlite:z/data.db#jobs?kind=fifo"]);
    assert_eq!(names(1), ["shallow", "sqlite:z/data.db#jobs?kind=fifo"]);
    assert!(matches!(
        any::list(&Locator::Path(dir.path().join("no")), 1),
        Err(Error::NotFound { .. })
    ));
}
