//! A disk that is really full: small file systems that are mounted for the test.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use persist_queue::{Durability, Error, SqliteOptions, SqliteQueue};

/// A mounted file system, in a name space of this test's own where that is possible.
struct Disk {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Disk {
    /// In memory.
    fn small(megabytes: u32) -> Option<Self> {
        let size = format!("size={megabytes}m");
        Self::mount(|path| ["-t", "tmpfs", "-o", &size, "none", path].join(" "))
    }

    /// With blocks of 1 KiB, smaller than a page.
    fn of_small_blocks(image: &Path) -> Option<Self> {
        File::create(image).unwrap().set_len(6 << 20).unwrap();
        let made = Command::new("mkfs.ext4").args(["-q", "-b", "1024"]).arg(image).status();
        if !made.is_ok_and(|status| status.success()) {
            return None;
        }
        Self::mount(|path| format!("-o loop {} {path}", image.display()))
    }

    fn mount(words: impl FnOnce(&str) -> String) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let words = words(path.to_str().unwrap());
        let mounted = Command::new("mount").args(words.split(' ')).status();
        if !mounted.is_ok_and(|status| status.success()) {
            assert!(std::env::var_os("CI").is_none(), "CI must be able to mount");
            eprintln!("not tried: only root can mount");
            return None;
        }
        Some(Self { _folder: folder, path })
    }

    fn fill(&self) {
        let mut file = File::create(self.path.join("filler")).unwrap();
        for size in [1 << 16, 1 << 10, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

fn open(disk: &Disk) -> SqliteQueue<Vec<u8>> {
    SqliteOptions::new().durability(Durability::Process).open(disk.path.join("data.db")).unwrap()
}

/// Puts until the disk is full; says how many items are in the queue.
fn put_until_full(queue: &SqliteQueue<Vec<u8>>) -> u64 {
    for count in 0.. {
        if let Err(rejected) = queue.put(vec![7; 1000]) {
            let Error::Io { source, .. } = &rejected.error else {
                unreachable!("{}", rejected.error)
            };
            assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
            return count;
        }
    }
    unreachable!()
}

fn drain(queue: &SqliteQueue<Vec<u8>>) -> u64 {
    let mut count = 0;
    while queue.try_get().unwrap().is_some() {
        count += 1;
    }
    count
}

#[test]
fn a_disk_that_puts_have_filled_can_be_drained() {
    let Some(disk) = Disk::small(8) else { return };
    let queue = open(&disk);
    let count = put_until_full(&queue);
    assert!(count > 1000, "{count} items in 8 MB");
    assert_eq!(drain(&queue), count);
    queue.put(vec![1]).unwrap();
    assert_eq!(queue.len().unwrap(), 1);
}

#[test]
fn a_disk_that_somebody_else_has_filled_can_be_drained() {
    let Some(disk) = Disk::small(100) else { return };
    let queue = open(&disk);
    for _ in 0..500 {
        queue.put(vec![7; 1000]).unwrap();
    }
    disk.fill();
    assert!(queue.put(vec![7; 1000]).is_err());
    assert_eq!(drain(&queue), 500);
}

#[test]
fn a_full_disk_of_small_blocks_kills_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::of_small_blocks(&folder.path().join("image")) else { return };
    let queue = open(&disk);
    let count = put_until_full(&queue);
    disk.fill();
    drop(queue);
    let queue = open(&disk);
    assert_eq!(drain(&queue), count);
}
