//! What the first call of a task opens: in a thread, since a file may take its time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use persist_queue::Result;
use persist_queue::wait::Worker;

use crate::errors::Raised;

/// See the module.
#[derive(Debug)]
pub(crate) struct FirstCall<S> {
    store: Arc<OnceLock<Arc<S>>>,
    /// Opens it, and closes it.
    worker: Arc<Worker>,
    closed: AtomicBool,
}

impl<S> Default for FirstCall<S> {
    fn default() -> Self {
        Self { store: Arc::default(), worker: Arc::default(), closed: AtomicBool::new(false) }
    }
}

impl<S: Send + Sync + 'static> FirstCall<S> {
    /// What is open, which the first call opens; nothing where [`FirstCall::close`] came first.
    pub(crate) async fn open(
        &self,
        opener: impl FnOnce() -> Result<S> + Send + 'static,
    ) -> Result<Option<Arc<S>>, Raised> {
        if let Some(store) = self.opened() {
            return Ok(Some(Arc::clone(store)));
        }
        if self.is_closed() {
            return Ok(None);
        }
        let place = Arc::clone(&self.store);
        // One behind the other: what is open already is not opened again.
        let work = move || match place.get() {
            Some(store) => Ok(Arc::clone(store)),
            None => opener().map(|store| Arc::clone(place.get_or_init(|| Arc::new(store)))),
        };
        Ok(Some(self.worker.run(work).await??))
    }

    /// Has nothing opened any more. Gives what is to be closed, behind the call that opens it, if one
    /// does.
    pub(crate) async fn close(&self) -> Result<Option<Arc<S>>, Raised> {
        self.closed.store(true, Ordering::SeqCst);
        let place = Arc::clone(&self.store);
        Ok(self.worker.run(move || place.get().cloned()).await?)
    }

    pub(crate) fn opened(&self) -> Option<&Arc<S>> {
        self.store.get()
    }

    /// Whether [`FirstCall::close`] was called.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}
