//! The one thread of a process that drives the connections to NATS servers. A forked child makes its
//! own.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tokio::runtime::{Builder, Handle};

use crate::error::Context as _;
use crate::process::per_process::PerProcess;
use crate::{Error, Result};

type Place = Mutex<Option<Handle>>;

static RUNTIME: LazyLock<PerProcess<Place>> = LazyLock::new(|| PerProcess::new(Arc::default()));

/// The way to that thread, which is begun with the first call.
pub(super) fn handle() -> Result<Handle> {
    let place = RUNTIME.get(|| Ok::<_, Error>(Arc::default()))?;
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*place {
        return Ok(handle.clone());
    }
    let name = std::path::Path::new("the connections to NATS");
    let runtime = Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.context("wait for", name)?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("persist-queue nats".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .context("start a thread for", name)?;
    *place = Some(handle.clone());
    Ok(handle)
}

/// Has the thread do what nobody waits for.
pub(super) fn begin(work: impl Future<Output = ()> + Send + 'static) {
    match handle() {
        Ok(handle) => drop(handle.spawn(work)),
        Err(error) => tracing::warn!(%error, "a NATS server was not told something"),
    }
}
