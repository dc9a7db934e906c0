//! What a disk holds after a process or a machine died, against what was promised.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use persist_queue::storage::{Access, SimulatedDisk, Storage};
use persist_queue::{Error, FileView};

use super::oracle::Setup;
use super::subject::Subject;

/// What must be found, and what may be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Promise {
    /// Put, and not final.
    kept: BTreeSet<u64>,
    /// What was being made final, and what was being put.
    possible: BTreeSet<u64>,
    /// What was being put, in order: the first few of them may be there.
    arriving: Vec<u64>,
}

impl Promise {
    /// All of `items` and nothing else.
    pub(crate) fn exactly(items: &[u64]) -> Self {
        Self { kept: items.iter().copied().collect(), ..Self::default() }
    }

    /// An operation was to make `after` out of `before`, and how far it got is not known.
    pub(crate) fn between(before: &[u64], after: &[u64]) -> Self {
        let old: BTreeSet<u64> = before.iter().copied().collect();
        let new: BTreeSet<u64> = after.iter().copied().collect();
        Self {
            kept: old.intersection(&new).copied().collect(),
            possible: old.symmetric_difference(&new).copied().collect(),
            arriving: after.iter().copied().filter(|id| !old.contains(id)).collect(),
        }
    }

    /// As well whatever is in doubt.
    pub(crate) fn or(mut self, doubtful: &BTreeSet<u64>) -> Self {
        self.kept.retain(|id| !doubtful.contains(id));
        self.possible.extend(doubtful);
        self
    }

    /// The items that an operation that did not finish was to put or to make final.
    pub(crate) fn in_doubt(&self) -> impl Iterator<Item = u64> + '_ {
        self.possible.iter().copied()
    }

    /// As well what the process before was doing when it died, and which nobody has synced since.
    pub(crate) fn or_unsynced(&self, unsynced: &BTreeSet<u64>) -> Self {
        let mut unsure = self.clone().or(unsynced);
        unsure.arriving.extend(unsynced);
        unsure
    }

    /// As well what was final, which is delivered again.
    pub(crate) fn or_again(mut self, until: u64) -> Self {
        let new = (0..until).filter(|id| !self.kept.contains(id));
        self.possible.extend(new);
        self
    }

    fn check(&self, found: &[u64], case: &str) {
        assert!(found.is_sorted_by(|a, b| a < b), "{case}: order, or twice: {found:?}");
        let set: BTreeSet<u64> = found.iter().copied().collect();
        let lost: Vec<_> = self.kept.difference(&set).collect();
        assert!(lost.is_empty(), "{case}: lost {lost:?}; found {found:?}");
        let foreign: Vec<_> = set
            .iter()
            .filter(|id| !self.kept.contains(id) && !self.possible.contains(id))
            .collect();
        assert!(foreign.is_empty(), "{case}: came back {foreign:?}; found {found:?}");
        let arrived: Vec<_> = self.arriving.iter().filter(|id| set.contains(id)).collect();
        let first: Vec<_> = self.arriving.iter().take(arrived.len()).collect();
        assert_eq!(arrived, first, "{case}: a put arrived in pieces");
    }
}

/// What the next process would find, on a copy of the disk; nothing where it is told of damage.
pub(crate) fn look(disk: &SimulatedDisk, path: &Path, case: &str) -> Option<Vec<u64>> {
    let disk = disk.after_kill();
    let mut survivor = open(&disk, path, case);
    let (found, errors) = drain_damaged(&mut survivor, 32, case);
    errors.is_empty().then_some(found)
}

/// Opens the queue as the next process would, on a copy of the disk, and checks all that it holds,
/// and that it can be used.
pub(crate) fn check_survivors(disk: &SimulatedDisk, path: &Path, promise: &Promise, case: &str) {
    let disk = &disk.after_kill();
    let viewed = view(disk, path, case);
    let mut survivor = open(disk, path, case);
    let size = survivor.size().unwrap();
    assert_eq!(survivor.store.unfinished().unwrap(), size, "{case}: unfinished");
    let found = drain(&mut survivor, case);
    promise.check(&found, case);
    assert_eq!(size, found.len() as u64, "{case}: size; found {found:?}");
    nobody_waits_for_more(&survivor, found.len(), case);
    if let Some(viewed) = viewed {
        assert_eq!(viewed, found, "{case}: what a view shows");
    }
    goes_on(survivor, disk, path, case);
    nothing_spent_is_left(disk, path, case);
}

/// When all that came out is done, a join ends.
fn nobody_waits_for_more(survivor: &Subject, found: usize, case: &str) {
    for _ in 0..found {
        survivor.done(0).unwrap_or_else(|error| panic!("{case}: done: {error}"));
    }
    assert_eq!(survivor.store.unfinished().unwrap(), 0, "{case}: all is done");
}

/// The segments of a drained queue that was opened again are gone but for the last.
fn nothing_spent_is_left(disk: &SimulatedDisk, path: &Path, case: &str) {
    let names = disk.list(path).unwrap();
    let is_segment = |name: &&String| name.starts_with('q') && !is_blank(disk, &path.join(name));
    let segments = names.iter().filter(is_segment).count();
    assert!(segments <= 2, "{case}: spent segments are left: {names:?}");
}

/// A power loss may leave of a new file nothing but zeros. Nobody can tell whose it is.
fn is_blank(disk: &SimulatedDisk, file: &Path) -> bool {
    let mut start = [0];
    let file = Storage::open(disk, file, Access::Read).unwrap();
    file.read_at(&mut start, 0).unwrap() == 1 && start == [0]
}

/// As [`check_survivors`], after a power loss: of the items that were being put there may be any, and
/// those that are not there may be told as damage.
pub(crate) fn check_after_power_loss(
    disk: &SimulatedDisk,
    path: &Path,
    promise: &Promise,
    case: &str,
) {
    if promise.arriving.is_empty() {
        return check_survivors(disk, path, promise, case);
    }
    let found = check_sound(disk, path, case);
    let torn = Promise { arriving: Vec::new(), ..promise.clone() };
    torn.check(&found, case);
}

/// As [`check_survivors`], where less may be promised: nothing wrong is read, each damage is told
/// once, and the queue goes on.
pub(crate) fn check_sound(disk: &SimulatedDisk, path: &Path, case: &str) -> Vec<u64> {
    let disk = &disk.after_kill();
    let mut survivor = open(disk, path, case);
    let found = drain_damaged(&mut survivor, 32, case).0;
    assert!(found.is_sorted_by(|a, b| a < b), "{case}: order, or twice: {found:?}");
    nobody_waits_for_more(&survivor, found.len(), case);
    goes_on(survivor, disk, path, case);
    found
}

pub(crate) fn open(disk: &SimulatedDisk, path: &Path, case: &str) -> Subject {
    Subject::open(Arc::new(disk.clone()), path, Setup::AUTOSAVE)
        .unwrap_or_else(|error| panic!("{case}: cannot open: {error}"))
}

/// What somebody sees who may only look, or nothing where there is no queue yet.
fn view(disk: &SimulatedDisk, path: &Path, case: &str) -> Option<Vec<u64>> {
    if !disk.exists(path).unwrap() {
        return None;
    }
    let calls = disk.calls();
    let view = FileView::open_in(Arc::new(disk.clone()), path);
    let mut view = match view {
        Ok(view) => view,
        Err(Error::Unrecognised { .. }) => return None,
        Err(error) => panic!("{case}: cannot look: {error}"),
    };
    let mut found = Vec::new();
    let mut payload = Vec::new();
    while let Some(_sequence) =
        view.next_record(&mut payload).unwrap_or_else(|error| panic!("{case}: view: {error}"))
    {
        found.push(super::item::identify(&payload));
    }
    assert_eq!(view.len(), found.len() as u64, "{case}: length of a view; found {found:?}");
    assert_eq!(disk.calls(), calls, "{case}: a view writes");
    Some(found)
}

fn drain(subject: &mut Subject, case: &str) -> Vec<u64> {
    let next = || subject.take(0).unwrap_or_else(|error| panic!("{case}: take: {error}"));
    std::iter::from_fn(next).collect()
}

/// Takes all that is there, and counts how often damage was told.
pub(crate) fn drain_damaged(
    subject: &mut Subject,
    most_errors: usize,
    case: &str,
) -> (Vec<u64>, Vec<Error>) {
    let mut found = Vec::new();
    let mut errors = Vec::new();
    loop {
        match subject.take(0) {
            Ok(Some(id)) => found.push(id),
            Ok(None) => return (found, errors),
            Err(error @ Error::Corrupted { .. }) => errors.push(error),
            Err(error) => panic!("{case}: take: {error}"),
        }
        assert!(errors.len() <= most_errors, "{case}: no end of errors: {errors:?}");
    }
}

/// Whether a drained queue takes items and gives them, before and after another opening.
pub(crate) fn goes_on(mut survivor: Subject, disk: &SimulatedDisk, path: &Path, case: &str) {
    let fresh = [1_000_001, 1_000_002, 1_000_003, 1_000_004];
    let put = |subject: &Subject, ids: &[u64]| {
        subject.put(ids).unwrap_or_else(|error| panic!("{case}: put: {error}"));
    };
    assert_eq!(survivor.size().unwrap(), 0, "{case}: drained");
    put(&survivor, &fresh[..1]);
    put(&survivor, &fresh[1..3]);
    assert_eq!(survivor.take(0).unwrap(), Some(fresh[0]), "{case}: put and take");
    put(&survivor, &fresh[3..]);
    drop(survivor);
    let mut again = open(disk, path, case);
    assert_eq!(again.size().unwrap(), 3, "{case}: opened again");
    assert_eq!(drain(&mut again, case), fresh[1..], "{case}: opened again");
}
