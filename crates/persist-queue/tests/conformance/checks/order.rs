//! What goes in comes out, in order and once.

use std::thread::scope;

use persist_queue::Wait;
use persist_queue::any::AnyView;
use persist_queue::sql::Flavour;

use super::{Check, Checked, Group, Place, drain, fill};

pub(super) const GROUP: Group = Group {
    title: "Putting and taking",
    checks: &[
        Check {
            title: "items come out in the order in which they went in",
            run: first_in_first_out,
        },
        Check { title: "threads that put and take at the same time: each item once", run: threads },
        Check { title: "what was put is there after reopening", run: reopening },
        Check { title: "what was taken stays away after reopening", run: taken },
        Check { title: "how many items wait, also through another object", run: sizes },
        Check { title: "many put in one call, in order", run: put_many },
        Check { title: "many taken in one call, as many as are there", run: get_many },
        Check { title: "`purge` removes what waits", run: purge },
        Check { title: "iteration takes until nothing waits", run: iteration },
        Check { title: "`peek`: a copy of the next item, which stays", run: peek },
        Check { title: "`AnyView` shows what waits, and changes nothing", run: look },
    ],
};

fn first_in_first_out(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    // Of all lengths, so that nothing but the order of puts can give this order.
    let items: Vec<String> =
        (0..40_usize).map(|at| format!("{at}{}", "x".repeat(at * 7 % 50))).collect();
    for (at, item) in items.iter().enumerate() {
        fill(&*queue, &[item]);
        // Takes between the puts do not change it.
        if at == 20 {
            assert_eq!(queue.get(Wait::No).unwrap().as_ref(), Some(&items[0]));
        }
    }
    // Nor does whether an item looks like nothing.
    fill(&*queue, &["", "null", "0"]);
    assert_eq!(drain(&*queue), [&items[1..], &["", "null", "0"].map(str::to_owned)].concat());
    Ok(())
}

fn threads(place: &Place<'_>) -> Checked {
    let queues = (place.plain()?, place.plain()?);
    let (each, putters) = (100, 3);
    let mut got: Vec<String> = scope(|scope| {
        for putter in 0..putters {
            let queue = &queues.0;
            scope.spawn(move || {
                for at in 0..each {
                    fill(&**queue, &[&format!("{putter} {at}")]);
                }
            });
        }
        // Two takers of the same object, and one of another.
        let takers: Vec<_> = [&queues.0, &queues.0, &queues.1]
            .into_iter()
            .map(|queue| {
                scope.spawn(move || {
                    let share = each * putters / 3;
                    let get = |_| queue.get(Wait::For(super::PATIENCE)).unwrap().unwrap();
                    (0..share).map(get).collect::<Vec<_>>()
                })
            })
            .collect();
        takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect()
    });
    let mut all: Vec<String> =
        (0..putters).flat_map(|putter| (0..each).map(move |at| format!("{putter} {at}"))).collect();
    got.sort_unstable();
    all.sort_unstable();
    assert_eq!(got, all);
    assert!(queues.1.is_empty().unwrap());
    Ok(())
}

fn reopening(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    fill(&*queue, &["a", "b"]);
    queue.close().unwrap();
    drop(queue);
    // One that is not closed, too.
    fill(&*place.plain()?, &["c"]);
    assert_eq!(drain(&*place.plain()?), ["a", "b", "c"]);
    Ok(())
}

fn taken(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    fill(&*queue, &["a", "b", "c"]);
    assert_eq!(queue.get(Wait::No).unwrap().unwrap(), "a");
    assert_eq!(queue.get_many(1, Wait::No).unwrap(), ["b"]);
    drop(queue);
    let again = place.plain()?;
    assert_eq!(again.len().unwrap(), 1);
    assert_eq!(drain(&*again), ["c"]);
    Ok(())
}

fn sizes(place: &Place<'_>) -> Checked {
    let (queue, other) = (place.plain()?, place.plain()?);
    let sizes = || [queue.len().unwrap(), other.len().unwrap()];
    assert_eq!((sizes(), other.is_empty().unwrap()), ([0, 0], true));
    fill(&*queue, &["a", "b"]);
    fill(&*other, &["c"]);
    assert_eq!((sizes(), queue.is_empty().unwrap()), ([3, 3], false));
    assert_eq!(other.get(Wait::No).unwrap().unwrap(), "a");
    assert_eq!(sizes(), [2, 2]);
    assert_eq!(drain(&*queue), ["b", "c"]);
    assert_eq!((sizes(), other.is_empty().unwrap()), ([0, 0], true));
    Ok(())
}

fn put_many(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    fill(&*queue, &["first"]);
    let many: Vec<String> = (0..300).map(|at| at.to_string()).collect();
    queue.put_many(&many.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    queue.put_many(&[]).unwrap();
    fill(&*queue, &["last"]);
    let all = drain(&*queue);
    assert_eq!((all.len(), &*all[0], &*all[301]), (302, "first", "last"));
    assert_eq!(all[1..301], many);
    Ok(())
}

fn get_many(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    fill(&*queue, &["a", "b", "c", "d", "e"]);
    assert_eq!(queue.get_many(3, Wait::No).unwrap(), ["a", "b", "c"]);
    // It waits for the first one only.
    assert_eq!(queue.get_many(3, Wait::For(super::PATIENCE)).unwrap(), ["d", "e"]);
    assert!(queue.get_many(3, Wait::No).unwrap().is_empty());
    Ok(())
}

fn purge(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    fill(&*queue, &["a", "b", "c"]);
    assert_eq!(queue.get(Wait::No).unwrap().unwrap(), "a");
    assert_eq!(queue.purge().unwrap(), 2);
    assert_eq!((queue.purge().unwrap(), queue.len().unwrap()), (0, 0));
    fill(&*queue, &["d"]);
    drop(queue);
    assert_eq!(drain(&*place.plain()?), ["d"]);
    Ok(())
}

fn iteration(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    fill(&*queue, &["a", "b", "c"]);
    assert_eq!(queue.iterate()?, ["a", "b", "c"]);
    assert!(queue.iterate()?.is_empty());
    assert!(queue.is_empty().unwrap());
    Ok(())
}

fn peek(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    assert_eq!(queue.peek()?, None);
    fill(&*queue, &["a", "b"]);
    assert_eq!((queue.peek()?.unwrap(), queue.peek()?.unwrap()), ("a".to_owned(), "a".to_owned()));
    assert_eq!(drain(&*queue), ["a", "b"]);
    Ok(())
}

fn look(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    fill(&*queue, &["a", "b", "c"]);
    assert_eq!(queue.get(Wait::No).unwrap().unwrap(), "a");
    let url = place.backend.url(&place.queue, Flavour::default());
    for _ in 0..2 {
        let mut view = AnyView::open(&url.parse().unwrap()).unwrap();
        let seen: Vec<_> = view.first(9).unwrap().into_iter().map(|entry| entry.payload).collect();
        // A text of one byte, as MessagePack.
        assert_eq!(seen, [b"\xa1b", b"\xa1c"]);
        assert_eq!(view.stats().unwrap().depth, 2);
    }
    assert_eq!(drain(&*queue), ["b", "c"]);
    Ok(())
}
