//! Work that nobody waits for.

use std::sync::Arc;

use crate::Result;
use crate::wait::{Job, Worker};

/// Does work that nobody waits for: in the host's thread for such work, if it has one.
pub(crate) fn aside(
    worker: Option<&Arc<Worker>>,
    work: impl FnOnce() -> Result<()> + Send + 'static,
) {
    let job: Job = Box::new(|| {
        if let Err(error) = work() {
            tracing::error!(%error, "what nobody took any more could not be given back");
        }
    });
    let left = match worker {
        Some(worker) => worker.start(job).err().map(|(_, job)| job),
        None => Some(job),
    };
    if let Some(job) = left {
        job();
    }
}
