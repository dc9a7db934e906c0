//! Looking at a queue in a folder, be it of persist-queue 1.x.

use std::path::Path;

use super::view::Entry;
use crate::file::{FileView, Folder};
use crate::{Error, Result};

#[derive(Debug)]
pub(super) enum FolderView {
    Current(FileView),
    #[cfg(feature = "legacy")]
    Legacy(LegacyView),
}

impl FolderView {
    pub(super) fn open(dir: &Path, folder: Folder) -> Result<Self> {
        match folder {
            #[cfg(feature = "legacy")]
            Folder::Legacy => LegacyView::open(dir).map(Self::Legacy),
            #[cfg(not(feature = "legacy"))]
            Folder::Legacy => Err(Error::Unrecognised {
                path: dir.to_owned(),
                reason: "persist-queue wrote it, which this build cannot read".to_owned(),
            }),
            Folder::Current => FileView::open(dir).map(Self::Current),
            Folder::Other => Err(Error::NotFound {
                path: dir.to_owned(),
                reason: "the folder holds no queue".to_owned(),
            }),
        }
    }

    pub(super) fn codec(&self) -> &str {
        match self {
            Self::Current(view) => view.codec(),
            #[cfg(feature = "legacy")]
            Self::Legacy(view) => view.codec,
        }
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Current(view) => view.len(),
            #[cfg(feature = "legacy")]
            Self::Legacy(view) => view.info.size,
        }
    }

    #[cfg_attr(
        not(feature = "legacy"),
        expect(clippy::unnecessary_wraps, reason = "a folder of persist-queue 1.x has no number")
    )]
    pub(super) fn put_so_far(&self) -> Option<u64> {
        match self {
            Self::Current(view) => Some(view.put_so_far()),
            #[cfg(feature = "legacy")]
            Self::Legacy(_) => None,
        }
    }

    pub(super) fn next_entry(&mut self) -> Result<Option<Entry>> {
        match self {
            Self::Current(view) => {
                let mut payload = Vec::new();
                Ok(view.next_record(&mut payload)?.map(|id| entry(id, payload)))
            }
            #[cfg(feature = "legacy")]
            Self::Legacy(view) => view.next_entry(),
        }
    }
}

fn entry(id: u64, payload: Vec<u8>) -> Entry {
    Entry { id, payload, timestamp: None, status: 0, priority: 0 }
}

#[cfg(feature = "legacy")]
pub(super) use legacy::LegacyView;

#[cfg(feature = "legacy")]
mod legacy {
    use std::path::Path;

    use super::{Entry, Error, Result, entry};
    use crate::error::Context;
    use crate::file::legacy::{self, Chunks, Info, Unread};
    use crate::storage::Disk;

    static DISK: Disk = Disk;

    /// A folder of persist-queue 1.x's that stays as it is.
    #[derive(Debug)]
    pub(in super::super) struct LegacyView {
        pub(super) codec: &'static str,
        pub(super) info: Info,
        chunks: Chunks<'static>,
        given: u64,
    }

    impl LegacyView {
        pub(super) fn open(dir: &Path) -> Result<Self> {
            let path = dir.join(legacy::INFO);
            let bytes = std::fs::read(&path).context("read", &path)?;
            let unrecognised = || Error::Unrecognised {
                path: path.clone(),
                reason: "none of persist-queue's own serializers wrote it; open the queue in \
                         Python with the serializer that did"
                    .to_owned(),
            };
            let codec = legacy::detect(&bytes).ok_or_else(unrecognised)?;
            let format = legacy::by_name(codec).ok_or_else(unrecognised)?;
            let info = legacy::read_info(&DISK, dir, format)?;
            let chunks = Chunks::new(&DISK, dir, info, format)?;
            Ok(Self { codec, info, chunks, given: 0 })
        }

        pub(super) fn next_entry(&mut self) -> Result<Option<Entry>> {
            let Some(unread) = self.chunks.next() else { return Ok(None) };
            match unread? {
                Unread::Item(payload) => {
                    self.given += 1;
                    Ok(Some(entry(self.given - 1, payload)))
                }
                Unread::Damaged { file, offset, bytes, records } => Err(Error::Corrupted {
                    path: file,
                    offset,
                    bytes: bytes.len() as u64,
                    records,
                    kept: None,
                }),
            }
        }
    }
}
