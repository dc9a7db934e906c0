//! Something that each process must make for itself: a forked child may not touch its parent's, whose
//! locks may never be free there.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::fork;

/// See the module.
#[derive(Debug)]
pub(crate) struct PerProcess<T> {
    current: ArcSwap<Made<T>>,
}

#[derive(Debug)]
struct Made<T> {
    generation: u64,
    value: Arc<T>,
}

impl<T> PerProcess<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        fork::watch();
        Self { current: ArcSwap::from_pointee(Made { generation: fork::generation(), value }) }
    }

    /// What this process has; made where it has nothing yet.
    pub(crate) fn get<E>(&self, make: impl FnOnce() -> Result<Arc<T>, E>) -> Result<Arc<T>, E> {
        if let Some(value) = self.existing() {
            return Ok(value);
        }
        let value = make()?;
        let fresh = Made { generation: fork::generation(), value: Arc::clone(&value) };
        std::mem::forget(self.current.swap(Arc::new(fresh)));
        Ok(value)
    }

    /// What this process has, if anything.
    pub(crate) fn existing(&self) -> Option<Arc<T>> {
        let current = self.current.load();
        (current.generation == fork::generation()).then(|| Arc::clone(&current.value))
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        if self.existing().is_none() {
            std::mem::forget(self.current.load_full());
        }
    }
}
