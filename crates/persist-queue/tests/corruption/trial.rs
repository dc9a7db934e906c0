//! What became of a damaged queue: it is opened, emptied and used.

use std::path::Path;
use std::sync::Arc;

use persist_queue::storage::SimulatedDisk;
use persist_queue::{Error, FileView};

use crate::image::{Image, PATH};
use crate::support::item::identify;
use crate::support::survivors::{drain_damaged, goes_on, open};

/// What a queue gave before it was empty.
pub(crate) struct Found {
    pub(crate) items: Vec<u64>,
    pub(crate) errors: Vec<Error>,
}

impl Image {
    /// Opens what is left, takes all, and uses it; `most` is how many errors may be told.
    pub(crate) fn try_out(&self, disk: &SimulatedDisk, most: usize, case: &str) -> Found {
        let viewed = view(disk, most, case);
        let mut survivor = open(disk, Path::new(PATH), case);
        let (items, errors) = drain_damaged(&mut survivor, most, case);
        assert!(items.is_sorted_by(|a, b| a < b), "{case}: order, or twice: {items:?}");
        assert!(items.iter().all(|id| *id < self.put), "{case}: foreign: {items:?}");
        assert_eq!(viewed, items, "{case}: what a view shows");
        goes_on(survivor, disk, Path::new(PATH), case);
        Found { items, errors }
    }

    /// Nothing is lost; what was final may come again.
    pub(crate) fn loses_nothing(&self, disk: &SimulatedDisk, case: &str) {
        let found = self.try_out(disk, 0, case);
        let lost: Vec<_> = self.stored.iter().filter(|id| !found.items.contains(id)).collect();
        assert!(lost.is_empty(), "{case}: lost {lost:?}");
    }

    /// Nothing is lost and nothing comes again.
    pub(crate) fn does_not_notice(&self, disk: &SimulatedDisk, case: &str) {
        let found = self.try_out(disk, 0, case);
        assert_eq!(found.items, self.stored, "{case}");
    }

    /// Where anything is lost that was not at the very end, that is told.
    pub(crate) fn tells_what_it_loses(&self, disk: &SimulatedDisk, most: usize, case: &str) {
        let found = self.try_out(disk, most, case);
        let end = found.items.last().copied();
        let is_missing = |id: &&u64| !found.items.contains(id) && Some(**id) < end;
        let lost: Vec<_> = self.stored.iter().filter(is_missing).collect();
        let told = !found.errors.is_empty();
        assert!(told || lost.is_empty(), "{case}: lost {lost:?} without a word");
    }
}

pub(crate) fn view(disk: &SimulatedDisk, most: usize, case: &str) -> Vec<u64> {
    let mut view = match FileView::open_in(Arc::new(disk.clone()), Path::new(PATH)) {
        Ok(view) => view,
        Err(Error::Unrecognised { .. }) => return Vec::new(),
        Err(error) => panic!("{case}: cannot look: {error}"),
    };
    let (mut found, mut errors, mut bytes) = (Vec::new(), 0, Vec::new());
    loop {
        match view.next_record(&mut bytes) {
            Ok(Some(_)) => found.push(identify(&bytes)),
            Ok(None) => return found,
            Err(Error::Corrupted { .. }) => errors += 1,
            Err(error) => panic!("{case}: view: {error}"),
        }
        assert!(errors <= most, "{case}: a view without end");
    }
}
