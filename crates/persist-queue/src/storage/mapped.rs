//! A part of a file that is written as memory is: no system call for a record.
//!
//! A mapping has two dangers. Where the disk is full, a page that has no place yet kills the process:
//! the place is allocated before it is mapped, and file systems that allocate anew for each change or
//! are behind a network are not mapped. And where somebody else cuts the file, what is behind the cut
//! cannot be written: see [`super::bus_guard`].
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering, compiler_fence};

use rustix::fs::{FallocateFlags, fallocate, fstatfs};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::StorageMap;
use super::bus_guard::{self, Guarded};
use super::system::write_pieces_at;

/// What is copied before the rest is: as much as a processor stores in one piece.
const FIRST: usize = 8;

/// What a place is filled with, in one call: as little as stays in the processor's cache, again and again.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// The file systems that keep the place which a file was given: ext2 to ext4, XFS, tmpfs, and overlays,
/// which hand everything on to one of those.
const KEEPERS: [u64; 4] = [0xEF53, 0x5846_5342, 0x0102_1994, 0x794C_7630];

/// See the module.
#[derive(Debug)]
pub(super) struct Map {
    // First, since it is dropped first: while the pages are there nobody else can be at their place.
    guarded: Guarded,
    pages: Pages,
    range: Range<u64>,
}

/// Mapped memory, until it is dropped.
#[derive(Debug)]
struct Pages {
    start: NonNull<u8>,
    size: usize,
}

// SAFETY: the memory belongs to this value alone, and is changed only through `&mut self`.
unsafe impl Send for Pages {}
// SAFETY: nothing is done through `&self` but to read where it is.
unsafe impl Sync for Pages {}

impl Map {
    /// Allocates and maps all pages that hold a byte of `range`. Nothing where that cannot be done
    /// safely.
    pub(super) fn new(file: &File, range: Range<u64>) -> Option<Self> {
        let kind = fstatfs(file).ok()?.f_type;
        #[expect(clippy::cast_sign_loss, reason = "it is a bit pattern")]
        if !KEEPERS.contains(&u64::from(kind as u32)) || !bus_guard::is_installed() {
            return None;
        }
        let page = rustix::param::page_size() as u64;
        let range = range.start / page * page..range.end.checked_next_multiple_of(page)?;
        let size = usize::try_from(range.end - range.start).ok()?;
        fill(file, &range).ok()?;
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: the kernel chooses a place where nothing is.
        let start =
            unsafe { mmap(std::ptr::null_mut(), size, protection, flags, file, range.start) };
        let pages = Pages { start: NonNull::new(start.ok()?.cast())?, size };
        let guarded = Guarded::new(pages.start.as_ptr() as usize, size)?;
        Some(Self { guarded, pages, range })
    }
}

/// Gives the range its place on the disk. Zeros that are written are in memory in large pieces when they
/// are touched, which makes a touch four times cheaper than that of a page that was only allocated.
fn fill(file: &File, range: &Range<u64>) -> io::Result<()> {
    let size = file.metadata()?.len();
    if size >= range.end {
        fallocate(file, FallocateFlags::empty(), range.start, range.end - range.start)?;
        return Ok(());
    }
    let from = size.max(range.start);
    let piece = |at| &ZEROS[..ZEROS.len().min((range.end - at) as usize)];
    let pieces: Vec<&[u8]> = (from..range.end).step_by(ZEROS.len()).map(piece).collect();
    write_pieces_at(file, &pieces, from).inspect_err(|_| {
        // Others may need what little there is.
        let _ = file.set_len(size);
    })
}

impl StorageMap for Map {
    fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    fn publish(&mut self, frame: &[u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(frame.len() as u64).filter(|end| *end <= self.range.end);
        let (Some((first, rest)), Some(_)) = (frame.split_first_chunk::<FIRST>(), end) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        if offset < self.range.start || !offset.is_multiple_of(FIRST as u64) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let at = (offset - self.range.start) as usize;
        // SAFETY: the place is within the mapping, as was just seen, which nobody else in this
        // process reads or writes; other processes see bytes of a file. The mapping begins at a page,
        // so that the place of the first bytes is one of an atomic number.
        unsafe {
            let place = self.pages.start.as_ptr().add(at);
            std::ptr::copy_nonoverlapping(rest.as_ptr(), place.add(FIRST), rest.len());
            AtomicU64::from_ptr(place.cast()).store(u64::from_ne_bytes(*first), Ordering::Release);
        }
        // The compiler does not know that writing may change what the guard says.
        compiler_fence(Ordering::SeqCst);
        if self.guarded.was_hit() {
            return Err(io::Error::other(
                "the file was cut short by somebody else, or its disk failed, while it was written",
            ));
        }
        Ok(())
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: it was mapped in `Map::new`, and ends with this value.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.size) };
    }
}

#[cfg(test)]
mod tests {
    use rustix::mm::mmap_anonymous;

    use super::*;

    const START: u64 = 8192;

    /// One page of memory that is no file's, so that Miri can follow what is done to it.
    fn map() -> Map {
        let size = rustix::param::page_size();
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses a place where nothing is.
        let start = unsafe {
            mmap_anonymous(std::ptr::null_mut(), size, protection, MapFlags::PRIVATE).unwrap()
        };
        let pages = Pages { start: NonNull::new(start.cast()).unwrap(), size };
        let guarded = Guarded::new(pages.start.as_ptr() as usize, size).unwrap();
        Map { guarded, pages, range: START..START + size as u64 }
    }

    fn bytes(map: &Map) -> &[u8] {
        // SAFETY: it is mapped, and nobody changes it meanwhile.
        unsafe { std::slice::from_raw_parts(map.pages.start.as_ptr(), map.pages.size) }
    }

    #[test]
    fn a_frame_is_where_it_was_published() {
        let mut map = map();
        let frame: Vec<u8> = (1..=29).collect();
        let last = map.range.end - 8;
        map.publish(&frame, START).unwrap();
        map.publish(&frame[..8], START + 40).unwrap();
        map.publish(&[7; 8], last).unwrap();
        let bytes = bytes(&map);
        assert_eq!(bytes[..29], frame);
        assert_eq!(bytes[29..40], [0; 11]);
        assert_eq!(bytes[40..48], frame[..8]);
        assert_eq!(bytes[bytes.len() - 8..], [7; 8]);
    }

    #[test]
    fn nothing_is_published_beside_the_mapping() {
        let mut map = map();
        let end = map.range.end;
        for (size, offset) in [
            (7, START),
            (8, START - 8),
            (8, START + 4),
            (8, end),
            (16, end - 8),
            (8, u64::MAX - 7),
            (8, 0),
        ] {
            assert!(map.publish(&vec![1; size], offset).is_err(), "{size} bytes at {offset}");
        }
        assert!(bytes(&map).iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_place_is_watched_for_as_long_as_its_mapping_is_there() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..8 {
                        let mut map = map();
                        map.publish(&[3; 24], START + 8).unwrap();
                        assert_eq!(bytes(&map)[8..32], [3; 24]);
                    }
                });
            }
        });
    }
}
