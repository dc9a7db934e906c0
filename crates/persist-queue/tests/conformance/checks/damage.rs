//! Items that are not what one expects.

use persist_queue::any::{self, AnyView, Opening};
use persist_queue::sql::{Flavour, PutOptions};
use persist_queue::{Error, Wait};

use super::{Check, Checked, Group, Place, WOKEN, drain, fill};
use crate::backend::{Missing, unless_refused};

pub(super) const GROUP: Group = Group {
    title: "Odd items",
    checks: &[
        Check { title: "an item of 20 MiB", run: large },
        Check {
            title: "bytes that are no item: the get says so, they stay, and nothing behind them waits",
            run: foreign,
        },
        Check { title: "an empty text, zeros, and text that is no ASCII", run: odd },
    ],
};

fn large(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    fill(&*queue, &["before"]);
    let item = "0123456789abcdef".repeat(20 * 1024 * 1024 / 16);
    let put = unless_refused(queue.put(&item, Wait::No));
    fill(&*queue, &["behind"]);
    drop(queue);
    let queue = place.plain()?;
    assert_eq!(queue.get(Wait::No).unwrap().unwrap(), "before");
    if put.is_ok() {
        // Not assert_eq, which would print them.
        assert!(queue.get(Wait::No).unwrap() == Some(item), "it has changed");
    }
    // Where it was refused, nothing of it was stored, and the queue goes on.
    assert_eq!(drain(&*queue), ["behind"]);
    put.map(drop)
}

fn foreign(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    let url = place.backend.url(&place.queue, Flavour::default());
    // No MessagePack begins so.
    let bytes = vec![0xc1, 1, 2, 3];
    let put = any::open(&url, &Opening::new())
        .and_then(|any| any.put(std::slice::from_ref(&bytes), PutOptions::default(), Wait::No));
    assert_eq!(put.unwrap(), 1);
    fill(&*queue, &["good"]);
    let bad = queue.get(Wait::No);
    assert!(matches!(bad, Err(Error::Decode { .. })), "{bad:?}");
    assert_eq!(queue.get(Wait::No).unwrap().unwrap(), "good");
    queue.close().unwrap();
    drop(queue);
    // Told again when it is opened again, and still there.
    let queue = place.plain()?;
    let bad = queue.get(Wait::For(WOKEN));
    assert!(matches!(bad, Err(Error::Decode { .. })), "{bad:?}");
    queue.close().unwrap();
    drop(queue);
    let mut view = AnyView::open(&url.parse().unwrap()).unwrap();
    let left: Vec<_> = view.first(9).unwrap().into_iter().map(|entry| entry.payload).collect();
    assert_eq!(left, [bytes]);
    Ok::<(), Missing>(())
}

fn odd(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    let items =
        ["", "\0", "\0\0\0", "it's \"quoted\" \\ %s ; --", "żółw 🐢", "\u{7f}\u{80}\u{ffff}\r\n"];
    fill(&*queue, &items);
    queue.put_many(&items).unwrap();
    drop(queue);
    assert_eq!(drain(&*place.plain()?), [items, items].concat());
    Ok(())
}
