//! Cuts a chunk's bytes into items, and what is no item.

use std::ops::Range;

use super::{Item, LegacyFormat};

/// A part of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// A whole item's payload.
    Whole(Range<usize>),
    /// Bytes that are no whole item, and how many items they look like.
    Broken(Range<usize>, u64),
}

/// Cuts all of `bytes`. No two broken pieces are neighbours.
pub(super) fn cut(bytes: &[u8], format: &dyn LegacyFormat) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let item = first(rest, format);
        let length = item.as_ref().map_or_else(|| broken(rest, format), |item| item.length);
        match item.filter(|item| is_whole(rest, item, format)) {
            Some(Item { payload, .. }) => {
                pieces.push(Piece::Whole(at + payload.start..at + payload.end));
            }
            None => add_broken(&mut pieces, at..at + length),
        }
        at += length;
    }
    pieces
}

/// How many bytes are no item: up to the first place from which on all is items to the end. Less is
/// not enough, since an item can contain bytes that look like one.
fn broken(rest: &[u8], format: &dyn LegacyFormat) -> usize {
    let is_start = |start: &usize| {
        let mut at = *start;
        while let Some(item) = rest.get(at..).and_then(|rest| first(rest, format)) {
            at += item.length;
        }
        at == rest.len()
    };
    format.starts(rest).into_iter().find(is_start).unwrap_or(rest.len())
}

/// The first item of `rest`, if there is one that lies in it.
fn first(rest: &[u8], format: &dyn LegacyFormat) -> Option<Item> {
    let item = format.item(rest).ok()?;
    let payload = &item.payload;
    let lies_inside = payload.start <= payload.end
        && payload.end <= item.length
        && item.length <= rest.len()
        && item.length > 0;
    lies_inside.then_some(item)
}

fn is_whole(rest: &[u8], item: &Item, format: &dyn LegacyFormat) -> bool {
    rest.get(item.payload.clone()).is_some_and(|payload| format.check(payload).is_ok())
}

fn add_broken(pieces: &mut Vec<Piece>, range: Range<usize>) {
    if let Some(Piece::Broken(last, items)) = pieces.last_mut() {
        last.end = range.end;
        *items += 1;
    } else {
        pieces.push(Piece::Broken(range, 1));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Info, Json, MessagePack};
    use super::*;

    #[test]
    fn goes_on_behind_an_item_of_known_length() {
        let bytes = [1, 0, 0, 0, 7, 1, 0, 0, 0, 0xc1, 0, 0, 0, 0, 1, 0, 0, 0, 8];
        let pieces = [Piece::Whole(4..5), Piece::Broken(5..14, 2), Piece::Whole(18..19)];
        assert_eq!(cut(&bytes, &MessagePack), pieces);
    }

    #[test]
    fn what_cannot_be_parsed_is_broken_to_the_end() {
        assert_eq!(cut(b"1\n2", &Json), [Piece::Whole(0..1), Piece::Broken(2..3, 1)]);
        assert_eq!(cut(b"", &Json), []);
    }

    #[derive(Debug)]
    struct Liar(Item);

    impl LegacyFormat for Liar {
        fn info(&self, _bytes: &[u8]) -> Result<Info, String> {
            Err(String::new())
        }

        fn item(&self, _bytes: &[u8]) -> Result<Item, String> {
            Ok(self.0.clone())
        }
    }

    #[test]
    #[expect(clippy::reversed_empty_ranges)]
    fn a_format_that_lies_is_not_believed() {
        for (length, payload) in [(0, 0..0), (9, 0..1), (1, 0..2), (2, 2..1), (2, 5..5)] {
            let liar = Liar(Item { length, payload });
            assert_eq!(cut(b"abc", &liar), [Piece::Broken(0..3, 1)], "{liar:?}");
        }
    }
}
