//! Reads bytes that may end anywhere.

/// A place in bytes, which only moves forward.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(super) fn take(&mut self, count: u64) -> Result<&'a [u8], String> {
        let end = usize::try_from(count).ok().and_then(|count| self.at.checked_add(count));
        let taken = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| self.short())?;
        self.at += taken.len();
        Ok(taken)
    }

    /// Goes behind text of `count` bytes.
    pub(super) fn text(&mut self, count: u64) -> Result<(), String> {
        let start = self.at;
        std::str::from_utf8(self.take(count)?)
            .map(drop)
            .map_err(|error| format!("the text at byte {start} is not UTF-8: {error}"))
    }

    pub(super) fn byte(&mut self) -> Result<u8, String> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| self.short())?;
        self.at += 1;
        Ok(byte)
    }

    /// A number of `width` bytes, at most 8, the highest first.
    pub(super) fn big_endian(&mut self, width: u64) -> Result<u64, String> {
        Ok(self.take(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A number of `width` bytes, at most 8, the lowest first.
    pub(super) fn little_endian(&mut self, width: u64) -> Result<u64, String> {
        Ok(self.take(width)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The bytes before the next newline, and goes behind it.
    pub(super) fn line(&mut self) -> Result<&'a [u8], String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or_else(|| self.short())?;
        let line = self.take(length as u64)?;
        self.at += 1;
        Ok(line)
    }

    fn short(&self) -> String {
        format!("the bytes end inside of a value, at byte {}", self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_in_both_orders() {
        let bytes = [1, 2, 3, 4];
        assert_eq!(Cursor::new(&bytes).big_endian(2), Ok(0x0102));
        assert_eq!(Cursor::new(&bytes).little_endian(4), Ok(0x0403_0201));
        assert_eq!(Cursor::new(&[255; 8]).big_endian(8), Ok(u64::MAX));
    }

    #[test]
    fn stays_inside_of_the_bytes() {
        let mut cursor = Cursor::new(b"ab");
        assert!(cursor.take(3).is_err() && cursor.take(u64::MAX).is_err());
        assert_eq!(cursor.take(2), Ok(b"ab".as_slice()));
        assert!(cursor.is_at_end() && cursor.byte().is_err() && cursor.line().is_err());
    }

    #[test]
    fn a_line_ends_with_its_newline() {
        let mut cursor = Cursor::new(b"ab\n\nc");
        assert_eq!(cursor.line(), Ok(b"ab".as_slice()));
        assert_eq!((cursor.at(), cursor.line()), (3, Ok(b"".as_slice())));
        assert!(cursor.line().is_err());
    }
}
