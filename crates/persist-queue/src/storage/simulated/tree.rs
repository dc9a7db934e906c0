//! Folders: names, what they stand for, and the order in which that changed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::file::File;

/// The inode of `/`, which always exists.
pub(super) const ROOT: u64 = 1;

pub(super) type Entries = BTreeMap<String, u64>;

/// Every file and folder by its inode. An inode is never used twice, and stays after its last
/// name is gone: an open handle or a power loss may need it.
#[derive(Clone)]
pub(super) struct Tree {
    pub(super) folders: BTreeMap<u64, Folder>,
    pub(super) files: BTreeMap<u64, File>,
    pub(super) next_inode: u64,
}

#[derive(Clone, Default)]
pub(super) struct Folder {
    live: Entries,
    durable: Entries,
    log: Vec<EntryChange>,
}

#[derive(Clone)]
pub(super) enum EntryChange {
    Add { name: String, inode: u64 },
    Rename { from: String, to: String },
    Remove { name: String },
}

impl EntryChange {
    fn apply(&self, entries: &mut Entries) {
        match self {
            Self::Add { name, inode } => {
                entries.insert(name.clone(), *inode);
            }
            Self::Rename { from, to } => {
                if let Some(inode) = entries.remove(from) {
                    entries.insert(to.clone(), inode);
                }
            }
            Self::Remove { name } => {
                entries.remove(name);
            }
        }
    }
}

impl Folder {
    pub(super) fn durable(entries: Entries) -> Self {
        Self { live: entries.clone(), durable: entries, log: Vec::new() }
    }

    pub(super) fn live(&self) -> &Entries {
        &self.live
    }

    pub(super) fn change(&mut self, change: EntryChange) {
        change.apply(&mut self.live);
        self.log.push(change);
    }

    pub(super) fn sync(&mut self) {
        self.durable = self.live.clone();
        self.log.clear();
    }

    /// How many changes a power loss may undo.
    pub(super) fn unsynced(&self) -> usize {
        self.log.len()
    }

    /// The entries if only the first `kept` unsynced changes reached the disk.
    pub(super) fn after_power_loss(&self, kept: usize) -> Entries {
        let mut entries = self.durable.clone();
        self.log.iter().take(kept).for_each(|change| change.apply(&mut entries));
        entries
    }
}

impl Default for Tree {
    fn default() -> Self {
        let folders = BTreeMap::from([(ROOT, Folder::default())]);
        Self { folders, files: BTreeMap::new(), next_inode: ROOT + 1 }
    }
}

impl Tree {
    pub(super) fn find(&self, path: &Path) -> io::Result<u64> {
        self.walk(&names(path)?)
    }

    pub(super) fn folder(&self, path: &Path) -> io::Result<&Folder> {
        let inode = self.find(path)?;
        self.folders.get(&inode).ok_or_else(|| error(libc::ENOTDIR))
    }

    pub(super) fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        let inode = self.find(path)?;
        self.folders.get_mut(&inode).ok_or_else(|| error(libc::ENOTDIR))?.sync();
        Ok(())
    }

    /// The inode of a file, which may not be a folder.
    pub(super) fn file(&self, path: &Path) -> io::Result<u64> {
        let inode = self.find(path)?;
        if self.files.contains_key(&inode) { Ok(inode) } else { Err(error(libc::EISDIR)) }
    }

    pub(super) fn file_mut(&mut self, inode: u64) -> io::Result<&mut File> {
        self.files.get_mut(&inode).ok_or_else(|| error(libc::EISDIR))
    }

    /// The folder that has, or would have, the entry `path`, and the entry's name.
    pub(super) fn place(&self, path: &Path) -> io::Result<(u64, String)> {
        let mut names = names(path)?;
        let name = names.pop().ok_or_else(|| error(libc::EISDIR))?;
        let folder = self.walk(&names)?;
        if self.folders.contains_key(&folder) {
            Ok((folder, name))
        } else {
            Err(error(libc::ENOTDIR))
        }
    }

    pub(super) fn entry(&self, folder: u64, name: &str) -> Option<u64> {
        self.folders.get(&folder)?.live.get(name).copied()
    }

    pub(super) fn change(&mut self, folder: u64, change: EntryChange) {
        if let Some(folder) = self.folders.get_mut(&folder) {
            folder.change(change);
        }
    }

    /// Adds an empty file and gives its inode.
    pub(super) fn add_file(&mut self, folder: u64, name: String) -> u64 {
        let inode = self.new_inode();
        self.files.insert(inode, File::default());
        self.change(folder, EntryChange::Add { name, inode });
        inode
    }

    /// Adds a chain of folders, each in the one before.
    pub(super) fn add_folders(&mut self, mut folder: u64, names: Vec<String>) {
        for name in names {
            let inode = self.new_inode();
            self.folders.insert(inode, Folder::default());
            self.change(folder, EntryChange::Add { name, inode });
            folder = inode;
        }
    }

    /// The last folder of `path` that exists, and the names that are missing in it.
    pub(super) fn missing(&self, path: &Path) -> io::Result<(u64, Vec<String>)> {
        let names = names(path)?;
        let mut folder = ROOT;
        for (index, name) in names.iter().enumerate() {
            match self.entry(folder, name) {
                None => return Ok((folder, names[index..].to_vec())),
                Some(inode) if self.folders.contains_key(&inode) => folder = inode,
                Some(_) if index + 1 == names.len() => return Err(error(libc::EEXIST)),
                Some(_) => return Err(error(libc::ENOTDIR)),
            }
        }
        Ok((folder, Vec::new()))
    }

    /// What rename(2) refuses.
    pub(super) fn check_rename(&self, inode: u64, replaced: u64) -> io::Result<()> {
        match (self.folders.get(&inode), self.folders.get(&replaced)) {
            (None, Some(_)) => Err(error(libc::EISDIR)),
            (Some(_), None) => Err(error(libc::ENOTDIR)),
            (Some(_), Some(folder)) if inode != replaced && !folder.live.is_empty() => {
                Err(error(libc::ENOTEMPTY))
            }
            _ => Ok(()),
        }
    }

    fn new_inode(&mut self) -> u64 {
        self.next_inode += 1;
        self.next_inode - 1
    }

    fn walk(&self, names: &[String]) -> io::Result<u64> {
        names.iter().try_fold(ROOT, |inode, name| {
            let folder = self.folders.get(&inode).ok_or_else(|| error(libc::ENOTDIR))?;
            folder.live.get(name).copied().ok_or_else(|| error(libc::ENOENT))
        })
    }
}

/// The one spelling of a path. It need not exist.
pub(super) fn absolute(path: &Path) -> io::Result<PathBuf> {
    let mut absolute = PathBuf::from("/");
    absolute.extend(names(path)?);
    Ok(absolute)
}

/// The names on the way from the root. There are no links, so `..` is the name before it.
fn names(path: &Path) -> io::Result<Vec<String>> {
    if path.as_os_str().is_empty() {
        // As a real disk: the parent of a bare file name cannot be opened.
        return Err(error(libc::ENOENT));
    }
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                names.push(name.to_str().ok_or_else(|| error(libc::EILSEQ))?.to_owned());
            }
            Component::ParentDir => {
                names.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Ok(names)
}

pub(super) fn error(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(errno)
}
