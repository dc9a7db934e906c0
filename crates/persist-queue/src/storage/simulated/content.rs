//! The bytes of one file, sparse and cheap to copy.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

const PAGE: u64 = 4096;

/// Pages that were written, shared between copies; a page that is missing is all zeros.
#[derive(Clone, Default)]
pub(super) struct Content {
    size: u64,
    pages: BTreeMap<u64, Arc<[u8; PAGE as usize]>>,
}

impl Content {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Fills as much of `buffer` as the file has from `offset` on.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = buffer.len().min(left);
        for range in blocks(offset, count, PAGE) {
            let (page, within) = locate(offset, &range);
            match self.pages.get(&page) {
                Some(bytes) => buffer[range].copy_from_slice(&bytes[within]),
                None => buffer[range].fill(0),
            }
        }
        count
    }

    /// Writes at `offset`; a gap before it reads as zeros.
    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        if bytes.is_empty() {
            return;
        }
        for range in blocks(offset, bytes.len(), PAGE) {
            let (page, within) = locate(offset, &range);
            self.page(page)[within].copy_from_slice(&bytes[range]);
        }
        self.extend(offset + bytes.len() as u64);
    }

    /// Cuts the file or fills it with zeros.
    pub(super) fn resize(&mut self, size: u64) {
        if size < self.size {
            self.pages.split_off(&size.div_ceil(PAGE));
            let within = (size % PAGE) as usize;
            if within > 0 && self.pages.contains_key(&(size / PAGE)) {
                // What is cut off must not come back when the file grows again.
                self.page(size / PAGE)[within..].fill(0);
            }
        }
        self.size = size;
    }

    /// Fills the file with zeros up to `size` if it is shorter.
    pub(super) fn extend(&mut self, size: u64) {
        self.size = self.size.max(size);
    }

    fn page(&mut self, page: u64) -> &mut [u8; PAGE as usize] {
        let shared = self.pages.entry(page).or_insert_with(|| Arc::new([0; PAGE as usize]));
        Arc::make_mut(shared)
    }
}

/// The page that holds a range of [`blocks`], and where in the page.
fn locate(offset: u64, range: &Range<usize>) -> (u64, Range<usize>) {
    let start = offset + range.start as u64;
    let within = (start % PAGE) as usize;
    (start / PAGE, within..within + range.len())
}

/// Cuts `len` bytes that lie at `offset` of a file where the file's blocks end.
pub(super) fn blocks(offset: u64, len: usize, block: u64) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let room = (block - (offset + start as u64) % block) as usize;
        let range = start..len.min(start + room);
        start = range.end;
        (!range.is_empty()).then_some(range)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(content: &Content) -> Vec<u8> {
        let mut bytes = vec![0xEE; content.size() as usize + 10];
        let count = content.read(&mut bytes, 0);
        bytes.truncate(count);
        bytes
    }

    /// The same calls on a plain vector give the same bytes, also over the edges of pages.
    #[test]
    fn behaves_like_a_vector() {
        let mut content = Content::default();
        let mut plain = Vec::new();
        for (step, (offset, len)) in
            [(0, 10), (4090, 12), (4096, 4096), (20_000, 1), (100, 9000)].into_iter().enumerate()
        {
            let bytes = vec![step as u8 + 1; len];
            content.write(&bytes, offset as u64);
            plain.resize(plain.len().max(offset + len), 0);
            plain[offset..offset + len].copy_from_slice(&bytes);
            assert_eq!(all(&content), plain);
        }
        for size in [8192, 8193, 5000, 12_000, 0, 3] {
            content.resize(size as u64);
            plain.resize(size, 0);
            assert_eq!(all(&content), plain);
        }
    }

    #[test]
    fn copies_do_not_see_later_writes() {
        let mut content = Content::default();
        content.write(b"old", 0);
        let copy = content.clone();
        content.write(b"new", 0);
        assert_eq!(all(&copy), b"old");
    }

    #[test]
    fn blocks_end_where_the_blocks_of_the_file_end() {
        let cut: Vec<_> = blocks(500, 600, 512).collect();
        assert_eq!(cut, [0..12, 12..524, 524..600]);
        assert_eq!(blocks(512, 512, 512).count(), 1);
        assert_eq!(blocks(3, 0, 512).count(), 0);
    }
}
