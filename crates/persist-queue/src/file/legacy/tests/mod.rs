//! Against what persist-queue 1.1.0 and Python's pickle wrote: see `tests/data/legacy/make.py`.

mod folders;
mod hostile;
mod infos;
mod pickles;

use std::fs;
use std::path::{Path, PathBuf};

use super::{Chunks, LegacyFormat, Unread, by_name, read_info};
use crate::error::Result;
use crate::storage::Disk;

const CODECS: [&str; 4] = ["pickle", "json", "msgpack", "cbor2"];
const CASES: [&str; 4] = ["fresh", "partly", "drained", "boundary"];

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/legacy").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(data(name)).unwrap()
}

fn format(codec: &str) -> &'static dyn LegacyFormat {
    by_name(codec).unwrap()
}

/// What is unread in a folder.
fn unread(dir: &Path, codec: &str) -> Result<Vec<Unread>> {
    let info = read_info(&Disk, dir, format(codec))?;
    Chunks::new(&Disk, dir, info, format(codec))?.collect()
}

/// A copy of a folder, to be damaged.
fn copy(name: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(data(name)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}
