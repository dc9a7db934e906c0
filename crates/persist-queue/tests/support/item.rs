//! Items that name themselves, so that a wrong byte in any of them is noticed.

/// Shorter than a word, longer than a sector, and with every length of padding in between.
const FILLERS: [usize; 8] = [0, 1, 30, 7, 600, 12, 61, 3];

/// The payload of item `id`, which no other item has.
pub(crate) fn payload(id: u64) -> Vec<u8> {
    let size = FILLERS[id as usize % FILLERS.len()];
    let mut bytes = id.to_le_bytes().to_vec();
    // Zeros at the end of a record look like space that was never written.
    let filler = |at: usize| if id.is_multiple_of(3) { 0 } else { (id as usize * 31 + at) as u8 };
    bytes.extend((0..size).map(filler));
    bytes
}

pub(crate) fn payloads(ids: &[u64]) -> Vec<Vec<u8>> {
    ids.iter().map(|id| payload(*id)).collect()
}

/// Which item this is. Fails where it is none.
pub(crate) fn identify(bytes: &[u8]) -> u64 {
    let id = bytes.first_chunk().map(|id| u64::from_le_bytes(*id));
    let id = id.filter(|id| bytes == payload(*id));
    id.unwrap_or_else(|| panic!("nobody put this item: {bytes:?}"))
}
