//! Queues with another order than first in, first out.

use persist_queue::Wait;
use persist_queue::sql::{Kind, PutOptions};

use super::{Check, Checked, Group, PATIENCE, Place, drain, fill};
use crate::backend::{Missing, Wanted};

pub(super) const GROUP: Group = Group {
    title: "Other orders",
    checks: &[
        Check { title: "last in, first out", run: last_in_first_out },
        Check {
            title: "the lowest priority first; within one, first in, first out",
            run: priorities,
        },
        Check {
            title: "a priority, a delay or a time to live that the queue does not have is refused",
            run: other_options,
        },
        Check { title: "an item that waits already is not put again", run: unique },
    ],
};

fn wanted(kind: Kind) -> Wanted {
    Wanted { kind, ..Wanted::default() }
}

fn last_in_first_out(place: &Place<'_>) -> Checked {
    let queue = place.plain_with(wanted(Kind::Filo))?;
    fill(&*queue, &["a", "b", "c"]);
    assert_eq!(queue.get(Wait::No).unwrap().unwrap(), "c");
    fill(&*queue, &["d"]);
    drop(queue);
    assert_eq!(drain(&*place.plain_with(wanted(Kind::Filo))?), ["d", "b", "a"]);
    Ok(())
}

fn priorities(place: &Place<'_>) -> Checked {
    let queue = match place.plain_with(wanted(Kind::Priority)) {
        Err(Missing::NoType) => {
            let options = PutOptions { priority: 5, ..PutOptions::default() };
            return place.refused_by_any(options);
        }
        queue => queue?,
    };
    let big = i64::from(i32::MAX) * 4;
    let items = [("e", 5), ("c", 1), ("a", -big), ("d", 1), ("f", 5), ("g", big), ("b", 0)];
    for (item, priority) in items {
        queue.put_with_priority(item, priority)?;
    }
    drop(queue);
    let queue = place.plain_with(wanted(Kind::Priority))?;
    assert_eq!(queue.get(Wait::No).unwrap().unwrap(), "a");
    // One that comes later overtakes.
    queue.put_with_priority("now", -1)?;
    assert_eq!(drain(&*queue), ["now", "b", "c", "d", "e", "f", "g"]);
    Ok(())
}

fn other_options(place: &Place<'_>) -> Checked {
    let long = Some(PATIENCE);
    for options in [
        PutOptions { priority: 5, ..PutOptions::default() },
        PutOptions { delay: long, ..PutOptions::default() },
        PutOptions { ttl: long, ..PutOptions::default() },
    ] {
        let refused = place.refused_by_any(options);
        assert!(matches!(refused, Err(Missing::Refused(_))), "{refused:?}");
    }
    let queue = place.plain()?;
    let refused = queue.put_with_priority("x", 5);
    assert!(matches!(refused, Err(Missing::Refused(_) | Missing::NoType)), "{refused:?}");
    assert!(queue.is_empty().unwrap());
    Ok(())
}

fn unique(place: &Place<'_>) -> Checked {
    let queue = place.plain_with(wanted(Kind::Unique))?;
    let other = place.plain_with(wanted(Kind::Unique))?;
    let put = |item| other.put(item, Wait::No).unwrap();
    // As long as any index can hold, and longer; they differ in the last byte only.
    let long = "x".repeat(100_000);
    let nearly = format!("{}y", &long[1..]);
    fill(&*queue, &["a", "b", &long, &nearly]);
    assert_eq!([put("a"), put(&long), put(&nearly), put("A")], [false, false, false, true]);
    queue.put_many(&["b", "c", "c"]).unwrap();
    assert_eq!(queue.len().unwrap(), 6);
    assert_eq!(queue.get(Wait::No).unwrap().unwrap(), "a");
    // It does not wait any more.
    fill(&*other, &["a"]);
    assert_eq!(drain(&*queue), ["b", &long, &nearly, "A", "c", "a"]);
    Ok(())
}
