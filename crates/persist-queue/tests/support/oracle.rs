//! What a queue must do, as a list of the items that are not final. Knows nothing of files.

use std::collections::BTreeMap;

use persist_queue::Durability;

/// How a queue object is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) autosave: bool,
    pub(crate) maxsize: u64,
    pub(crate) chunk_records: u64,
    pub(crate) durability: Durability,
}

impl Setup {
    pub(crate) const PLAIN: Self =
        Self { autosave: false, maxsize: 0, chunk_records: 3, durability: Durability::Process };
    pub(crate) const AUTOSAVE: Self = Self { autosave: true, ..Self::PLAIN };
    pub(crate) const BOUNDED: Self = Self { maxsize: 4, ..Self::PLAIN };

    pub(crate) const fn durable(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }
}

/// What is done with a queue object. A number is a thread, or for `Put` how many items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// Opens the queue, after dropping the object that was there.
    Open(Setup),
    Put(u64),
    Take(u64),
    Done(u64),
    /// Gives the newest item back that the thread holds.
    GiveBack(u64),
    Peek,
    Purge,
}

/// What an operation gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Nothing,
    Full,
    Item(Option<u64>),
    NothingUnfinished,
    Purged(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder {
    object: u64,
    thread: u64,
}

#[derive(Debug, Clone)]
struct Item {
    id: u64,
    holder: Option<Holder>,
}

/// A queue object, and where the counts stood when it was opened.
#[derive(Debug, Clone)]
struct Object {
    setup: Setup,
    took_over: bool,
    stored: u64,
    put_before: u64,
    finished_before: u64,
    done_calls: u64,
    finished: u64,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Oracle {
    items: Vec<Item>,
    objects: BTreeMap<u64, Object>,
    next_id: u64,
    put: u64,
    finished: u64,
}

impl Oracle {
    /// The items that are not final, in order.
    pub(crate) fn stored(&self) -> Vec<u64> {
        self.items.iter().map(|item| item.id).collect()
    }

    /// All that a disk holds: the next process knows no more.
    pub(crate) fn restart_with(&mut self, stored: &[u64]) {
        self.objects.clear();
        self.items = stored.iter().map(|id| Item { id: *id, holder: None }).collect();
    }

    /// The number of the next item.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Numbers for the items of the next put, used up whatever becomes of it.
    pub(crate) fn new_ids(&mut self, count: u64) -> Vec<u64> {
        self.next_id += count;
        (self.next_id - count..self.next_id).collect()
    }

    /// Does to the list what `op` does to a queue. `new` are the items of a put.
    pub(crate) fn apply(&mut self, object: u64, op: Op, new: &[u64]) -> Outcome {
        match op {
            Op::Open(setup) => self.open(object, setup),
            Op::Put(_) => self.put(object, new),
            Op::Take(thread) => self.take(Holder { object, thread }),
            Op::Done(thread) => self.done(Holder { object, thread }),
            Op::GiveBack(thread) => self.give_back(Holder { object, thread }),
            Op::Peek => Outcome::Item(self.peek(object)),
            Op::Purge => self.purge(object),
        }
    }

    fn open(&mut self, object: u64, setup: Setup) -> Outcome {
        self.close(object);
        let fresh = Object {
            setup,
            took_over: false,
            stored: self.items.len() as u64,
            put_before: self.put,
            finished_before: self.finished,
            done_calls: 0,
            finished: 0,
        };
        self.objects.insert(object, fresh);
        Outcome::Nothing
    }

    /// What it has in flight waits again.
    pub(crate) fn close(&mut self, object: u64) {
        self.objects.remove(&object);
        self.release(|holder| holder.object == object);
    }

    fn put(&mut self, object: u64, new: &[u64]) -> Outcome {
        let maxsize = self.objects[&object].setup.maxsize;
        if maxsize > 0 && self.size(object) + new.len() as u64 > maxsize {
            return Outcome::Full;
        }
        self.items.extend(new.iter().map(|id| Item { id: *id, holder: None }));
        self.put += new.len() as u64;
        Outcome::Nothing
    }

    fn take(&mut self, holder: Holder) -> Outcome {
        self.take_over(holder.object);
        let Some(index) = self.items.iter().position(|item| item.holder.is_none()) else {
            return Outcome::Item(None);
        };
        self.items[index].holder = Some(holder);
        let id = self.items[index].id;
        if self.objects[&holder.object].setup.autosave {
            self.finish(holder.object, |item| item.id == id);
        }
        Outcome::Item(Some(id))
    }

    /// The first take of an object takes what the others have in flight.
    fn take_over(&mut self, object: u64) {
        let taker = self.objects.get_mut(&object).unwrap();
        if !std::mem::replace(&mut taker.took_over, true) {
            self.release(|holder| holder.object != object);
        }
    }

    fn release(&mut self, which: impl Fn(Holder) -> bool) {
        for item in &mut self.items {
            item.holder = item.holder.filter(|holder| !which(*holder));
        }
    }

    fn done(&mut self, caller: Holder) -> Outcome {
        if self.unfinished(caller.object) == 0 {
            return Outcome::NothingUnfinished;
        }
        if self.items.iter().any(|item| item.holder == Some(caller)) {
            self.finish(caller.object, |item| item.holder == Some(caller));
        } else {
            let same = |item: &&Item| item.holder.is_some_and(|h| h.object == caller.object);
            if let Some(oldest) = self.items.iter().find(same).map(|item| item.id) {
                self.finish(caller.object, |item| item.id == oldest);
            }
        }
        self.objects.get_mut(&caller.object).unwrap().done_calls += 1;
        Outcome::Nothing
    }

    fn finish(&mut self, object: u64, which: impl Fn(&Item) -> bool) -> u64 {
        let before = self.items.len();
        self.items.retain(|item| !which(item));
        let finished = (before - self.items.len()) as u64;
        self.finished += finished;
        self.objects.get_mut(&object).unwrap().finished += finished;
        finished
    }

    fn give_back(&mut self, holder: Holder) -> Outcome {
        let id = self.newest_held(holder.object, holder.thread);
        if let Some(item) = self.items.iter_mut().find(|item| Some(item.id) == id) {
            item.holder = None;
        }
        Outcome::Nothing
    }

    /// The newest item that a thread holds.
    pub(crate) fn newest_held(&self, object: u64, thread: u64) -> Option<u64> {
        let holder = Some(Holder { object, thread });
        self.items.iter().rev().find(|item| item.holder == holder).map(|item| item.id)
    }

    pub(crate) fn holds(&self, object: u64, thread: u64, id: u64) -> bool {
        let holder = Some(Holder { object, thread });
        self.items.iter().any(|item| item.id == id && item.holder == holder)
    }

    /// What the next take of this object gives.
    fn peek(&self, object: u64) -> Option<u64> {
        let mut later = self.clone();
        match later.take(Holder { object, thread: 0 }) {
            Outcome::Item(item) => item,
            _ => None,
        }
    }

    fn purge(&mut self, object: u64) -> Outcome {
        self.take_over(object);
        let purged = self.finish(object, |item| item.holder.is_none());
        self.objects.get_mut(&object).unwrap().done_calls += purged;
        Outcome::Purged(purged)
    }

    /// How many items wait, or may come back from another object.
    pub(crate) fn size(&self, object: u64) -> u64 {
        let own = |item: &&Item| item.holder.is_some_and(|holder| holder.object == object);
        (self.items.len() - self.items.iter().filter(own).count()) as u64
    }

    /// How many items were put and are not done, as this object sees it.
    pub(crate) fn unfinished(&self, object: u64) -> u64 {
        let object = &self.objects[&object];
        let put = object.stored + self.put - object.put_before;
        let elsewhere = self.finished - object.finished_before - object.finished;
        put.saturating_sub(object.done_calls + elsewhere)
    }
}
