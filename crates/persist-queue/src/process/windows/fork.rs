//! There is no fork on Windows, and what a child inherits it is given on purpose.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Deref;
use std::path::Path;

pub(crate) fn generation() -> u64 {
    0
}

pub(crate) fn watch() {}

/// A file that no child inherits.
#[derive(Debug)]
pub(crate) struct NotInherited(File);

impl NotInherited {
    pub(crate) fn open(options: &OpenOptions, path: &Path) -> io::Result<Self> {
        options.open(path).map(Self)
    }
}

impl Deref for NotInherited {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}
