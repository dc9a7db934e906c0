//! Random programs on a batched queue against a list in memory.

use std::path::Path;

use persist_queue::SqliteOptions;
use persist_queue::sql::Kind;
use persist_queue::sqlite::{Put, PutOptions, Row, SqliteStore, Which};
use persist_queue::wait::{Thread, Wait, now};
use proptest::prelude::*;

use crate::in_its_kind;

#[derive(Debug, Clone)]
enum Step {
    /// So many items from this value on, with this priority.
    Put(u8, i64, u16),
    /// By this thread, so many.
    Get(u64, u16),
    GetById(u64, u8),
    Done(u64),
    Size,
    Purge,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let count = prop_oneof![8 => 1..4_u16, 1 => 300..700_u16];
    let count_of_gets = prop_oneof![8 => 1..4_u16, 1 => 100..400_u16];
    prop_oneof![
        6 => (0..6_u8, 0..3_i64, count).prop_map(|(value, rank, count)| Step::Put(value, rank, count)),
        6 => (0..3_u64, count_of_gets).prop_map(|(thread, count)| Step::Get(thread, count)),
        1 => (0..3_u64, any::<u8>()).prop_map(|(thread, which)| Step::GetById(thread, which)),
        4 => (0..4_u64).prop_map(Step::Done),
        2 => Just(Step::Size),
        1 => Just(Step::Purge),
        2 => Just(Step::Reopen),
    ]
}

#[derive(Debug, Clone)]
struct Item {
    id: i64,
    data: Vec<u8>,
    priority: i64,
    taken_by: Option<u64>,
}

/// What the queue shall do.
#[derive(Debug)]
struct Oracle {
    kind: Kind,
    /// In the order of their numbers.
    items: Vec<Item>,
}

impl Oracle {
    fn waits(&self, data: &[u8]) -> bool {
        self.items.iter().any(|item| item.taken_by.is_none() && item.data == data)
    }

    fn take(&mut self, thread: u64) -> Option<Vec<u8>> {
        let kind = self.kind;
        let next =
            self.items.iter_mut().filter(|item| item.taken_by.is_none()).min_by_key(|item| {
                match kind {
                    Kind::Fifo | Kind::Unique => (0, item.id),
                    Kind::Filo => (0, -item.id),
                    Kind::Priority => (item.priority, item.id),
                }
            })?;
        next.taken_by = Some(thread);
        Some(next.data.clone())
    }

    fn done(&mut self, thread: u64) {
        let held = self.items.iter().filter(|item| item.taken_by == Some(thread)).count();
        if held > 0 {
            self.items.retain(|item| item.taken_by != Some(thread));
        } else if let Some(oldest) = self.items.iter().position(|item| item.taken_by.is_some()) {
            self.items.remove(oldest);
        }
    }

    fn size(&self) -> u64 {
        self.items.iter().filter(|item| item.taken_by.is_none()).count() as u64
    }

    fn reopen(&mut self) {
        let mut seen = std::collections::HashSet::new();
        let unique = self.kind == Kind::Unique;
        self.items.retain(|item| !unique || seen.insert(item.data.clone()));
        self.items.iter_mut().for_each(|item| item.taken_by = None);
    }
}

fn open(dir: &Path, kind: Kind) -> SqliteStore {
    let options = SqliteOptions::new()
        .kind(kind)
        .auto_commit(false)
        .durability(persist_queue::Durability::Process);
    SqliteStore::open(&dir.join("data.db"), options, false).unwrap()
}

fn run(kind: Kind, steps: &[Step]) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), kind);
    let mut oracle = Oracle { kind, items: Vec::new() };
    for step in steps {
        match step {
            Step::Put(value, priority, count) => {
                for index in 0..*count {
                    let data = (u16::from(*value) + index).to_le_bytes().to_vec();
                    let priority = in_its_kind(kind, *priority);
                    let options = PutOptions { priority, ..PutOptions::default() };
                    let item = Put { data: data.clone(), options, ..Put::default() };
                    let ids = now(store.put(&mut Thread, vec![item], Wait::No)).unwrap();
                    let expected = kind != Kind::Unique || !oracle.waits(&data);
                    assert_eq!(ids[0].is_some(), expected);
                    if let Some(id) = ids[0] {
                        assert!(oracle.items.last().is_none_or(|last| last.id < id));
                        oracle.items.push(Item { id, data, priority, taken_by: None });
                    }
                }
            }
            Step::Get(thread, count) => {
                for _ in 0..*count {
                    let got = get(&store, *thread, Which::Next);
                    assert_eq!(got, oracle.take(*thread));
                }
            }
            Step::GetById(thread, which) => {
                let count = oracle.items.len().max(1);
                let Some(item) = oracle.items.get_mut(usize::from(*which) % count) else {
                    continue;
                };
                let got = get(&store, *thread, Which::Id(item.id));
                if item.taken_by.is_none() {
                    assert_eq!(got.as_ref(), Some(&item.data));
                    item.taken_by = Some(*thread);
                } else {
                    assert_eq!(got, None);
                }
            }
            Step::Done(thread) => {
                now(store.task_done(&mut Thread, *thread)).unwrap();
                oracle.done(*thread);
            }
            Step::Size => {
                let waiting = oracle.items.iter().filter(|item| item.taken_by.is_none());
                let waiting: Vec<_> = waiting.map(|item| item.id).collect();
                let rows = now(store.rows(&mut Thread)).unwrap();
                assert_eq!(rows.iter().map(|(row, _)| row.id).collect::<Vec<_>>(), waiting);
            }
            Step::Purge => {
                assert_eq!(now(store.purge(&mut Thread)).unwrap(), oracle.size());
                oracle.items.retain(|item| item.taken_by.is_some());
            }
            Step::Reopen => {
                drop(store);
                oracle.reopen();
                store = open(dir.path(), kind);
            }
        }
        assert_eq!(now(store.size(&mut Thread)).unwrap(), oracle.size());
    }
    drop(store);
    oracle.reopen();
    let store = open(dir.path(), kind);
    while let Some(expected) = oracle.take(0) {
        assert_eq!(get(&store, 0, Which::Next), Some(expected));
    }
    assert_eq!(get(&store, 0, Which::Next), None);
    now(store.task_done(&mut Thread, 0)).unwrap();
    assert!(now(store.rows(&mut Thread)).unwrap().is_empty());
}

fn get(store: &SqliteStore, thread: u64, which: Which) -> Option<Vec<u8>> {
    now(store.get(&mut Thread, thread, Wait::No, which, |_: &mut Thread, row: &Row| {
        Ok(row.data.clone())
    }))
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_batched_queue_behaves_like_a_list(
        kind in prop_oneof![
            Just(Kind::Fifo), Just(Kind::Filo), Just(Kind::Unique), Just(Kind::Priority)
        ],
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        run(kind, &steps);
    }
}
