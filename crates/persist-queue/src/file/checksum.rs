//! The checksum of records, headers and the control file: CRC-32C.

use crc_fast::{CrcAlgorithm, Digest};

/// The checksum of `bytes`.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    crc32c_append(0, bytes)
}

/// The checksum of what `before` is that of, and of `bytes` behind it.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "it has 32 bits")]
pub(super) fn crc32c_append(before: u32, bytes: &[u8]) -> u32 {
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(!before));
    digest.update(bytes);
    digest.finalize() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From RFC 3720, B.4, and of one sum from two pieces.
    #[test]
    fn it_is_that_of_the_standard() {
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&rising), 0x46DD_794E);
        for cut in 0..rising.len() {
            let (front, back) = rising.split_at(cut);
            assert_eq!(crc32c_append(crc32c(front), back), 0x46DD_794E, "cut at {cut}");
        }
    }
}
