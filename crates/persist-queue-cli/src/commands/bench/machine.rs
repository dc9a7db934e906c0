//! Where it was measured.

use std::fs;
use std::path::{Path, PathBuf};

use persist_queue::rusqlite;

use crate::failure::{Failure, Result};

/// The machine and the programs, as far as times depend on them.
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) kernel: String,
    pub(super) folder: PathBuf,
    pub(super) file_system: String,
    /// What it is on: commonly a device.
    pub(super) source: String,
}

impl Machine {
    pub(super) fn of(folder: &Path) -> Result<Self> {
        let failed = |error| Failure::failed(format!("cannot look at the machine: {error}"));
        let folder = folder.canonicalize().map_err(failed)?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let unknown = || "unknown".to_owned();
        let (file_system, source) =
            mounted(&mounts, &folder).unwrap_or_else(|| (unknown(), unknown()));
        Ok(Self {
            processor: processor().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_err(failed)?.get(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| unknown(), |release| format!("Linux {}", release.trim())),
            folder,
            file_system,
            source,
        })
    }

    /// What somebody must know who reads the times.
    pub(super) fn words(&self) -> Vec<String> {
        let Self { folder, file_system, source, .. } = self;
        let folder = folder.display();
        let mut words = vec![format!("measuring in {folder}, on {file_system} ({source})")];
        if file_system == "tmpfs" {
            words.push("tmpfs is memory: nothing there survives a dead machine".to_owned());
        }
        if cfg!(debug_assertions) {
            words.push("this persistq was built without optimisation: all is slower".to_owned());
        }
        words
    }

    /// What a result is told with, by names.
    pub(super) fn facts(&self) -> [(&'static str, String); 6] {
        let build = if cfg!(debug_assertions) { " (not optimised)" } else { "" };
        [
            ("processor", self.processor.clone()),
            ("cores", self.cores.to_string()),
            ("kernel", self.kernel.clone()),
            ("file_system", format!("{} ({})", self.file_system, self.source)),
            ("persistq", format!("{}{build}", env!("CARGO_PKG_VERSION"))),
            ("sqlite", rusqlite::version().to_owned()),
        ]
    }
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The file system that a folder is on, and what that is on, from what proc(5) calls mountinfo.
fn mounted(mounts: &str, folder: &Path) -> Option<(String, String)> {
    let mount = |line: &str| {
        let (before, behind) = line.split_once(" - ")?;
        let point = PathBuf::from(before.split(' ').nth(4)?.replace("\\040", " "));
        let mut behind = behind.split(' ');
        let (kind, source) = (behind.next()?.to_owned(), behind.next()?.to_owned());
        folder.starts_with(&point).then(|| (point.components().count(), kind, source))
    };
    // Of several on one point the last one covers the others.
    let (_, kind, source) = mounts.lines().filter_map(mount).max_by_key(|(depth, ..)| *depth)?;
    Some((kind, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_and_last_mount_counts() {
        let mounts = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /with\\040space rw - tmpfs one rw
24 22 0:22 / /with\\040space rw shared:2 master:1 - xfs /dev/vdb rw
25 22 0:23 / /with\\040space/in rw - btrfs /dev/vdc rw";
        let found = |folder| mounted(mounts, Path::new(folder)).map(|(kind, _)| kind);
        assert_eq!(found("/with space/queue").as_deref(), Some("xfs"));
        assert_eq!(found("/with space/in/side").as_deref(), Some("btrfs"));
        assert_eq!(found("/with spaces").as_deref(), Some("ext4"));
    }
}
