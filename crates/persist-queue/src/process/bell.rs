//! What wakes the keeper's thread: a ring, and a write to or the removal of a file that is watched (inotify).

use std::collections::HashSet;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::inotify;
use rustix::time::Timespec;

/// A file that is watched.
pub(super) type Watch = i32;

/// See the module.
#[derive(Debug)]
pub(super) struct Bell {
    /// Nothing where the kernel gives no instance: they are counted per user.
    inotify: Option<OwnedFd>,
    rings: OwnedFd,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            inotify: inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
                .ok(),
            rings: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    pub(super) fn ring(&self) {
        // The counter can only be full of rings that were not heard yet.
        let _ = rustix::io::write(&self.rings, &1_u64.to_ne_bytes());
    }

    /// Sleeps until it rings, a watched file is written or removed, or `limit` is over; says whether it rang.
    pub(super) fn sleep(&self, limit: Option<Duration>) -> bool {
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        let mut files = vec![PollFd::new(&self.rings, PollFlags::IN)];
        files.extend(self.inotify.iter().map(|inotify| PollFd::new(inotify, PollFlags::IN)));
        // An interrupted poll is an early look, which does no harm.
        let _ = poll(&mut files, limit.as_ref());
        let mut count = [0; 8];
        rustix::io::read(&self.rings, &mut count).is_ok()
    }

    /// Watches a file from now on, if that can be done. A file has one watch, however often it is
    /// asked for.
    pub(super) fn watch(&self, path: &Path) -> Option<Watch> {
        let inotify = self.inotify.as_ref()?;
        // A file that is removed changes its number of names, which is an attribute.
        let events = inotify::WatchFlags::MODIFY | inotify::WatchFlags::ATTRIB;
        inotify::add_watch(inotify, path, events).ok()
    }

    pub(super) fn unwatch(&self, watch: Watch) {
        if let Some(inotify) = &self.inotify {
            let _ = inotify::remove_watch(inotify, watch);
        }
    }

    /// The watches whose files were written or removed.
    pub(super) fn pokes(&self) -> HashSet<Watch> {
        let mut poked = HashSet::new();
        if let Some(inotify) = &self.inotify {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut events = inotify::Reader::new(inotify, &mut buffer);
            while let Ok(event) = events.next() {
                poked.insert(event.wd());
            }
        }
        poked
    }
}
