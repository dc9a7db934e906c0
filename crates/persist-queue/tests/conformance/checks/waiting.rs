//! Who waits, and what ends it.

use std::io::Write;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use persist_queue::{Error, Wait};

use super::child::Child;
use super::{Check, Checked, Group, PATIENCE, Place, WOKEN, fill};

pub(super) const GROUP: Group = Group {
    title: "Waiting",
    checks: &[
        Check { title: "a get without waiting gives nothing", run: no_wait },
        Check { title: "a get with a time ends with it", run: timeout },
        Check { title: "a get is woken by a put through another object", run: woken },
        Check { title: "a get is woken by a put of another process", run: woken_by_a_process },
        Check { title: "`close` ends waits, and later calls, with an error", run: closed },
    ],
};

fn no_wait(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    let start = Instant::now();
    assert_eq!(queue.get(Wait::No).unwrap(), None);
    assert!(queue.get_many(5, Wait::No).unwrap().is_empty());
    assert!(start.elapsed() < WOKEN);
    Ok(())
}

fn timeout(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    let time = Duration::from_millis(150);
    for many in [false, true] {
        let start = Instant::now();
        if many {
            assert!(queue.get_many(5, Wait::For(time)).unwrap().is_empty());
        } else {
            assert_eq!(queue.get(Wait::For(time)).unwrap(), None);
        }
        let took = start.elapsed();
        assert!((time..WOKEN).contains(&took), "{took:?}");
    }
    Ok(())
}

fn woken(place: &Place<'_>) -> Checked {
    let (queue, other) = (place.plain()?, place.plain()?);
    scope(|scope| {
        let getter = scope.spawn(|| (queue.get(Wait::For(PATIENCE)).unwrap(), Instant::now()));
        // So that it sleeps already.
        sleep(Duration::from_millis(100));
        let put = Instant::now();
        fill(&*other, &["a"]);
        let (item, got) = getter.join().unwrap();
        assert_eq!(item.unwrap(), "a");
        assert!(got - put < WOKEN, "{:?}", got - put);
    });
    Ok(())
}

fn woken_by_a_process(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    let mut putter = Child::start(place, "put-when-told");
    assert_eq!(putter.line().unwrap(), "ready");
    scope(|scope| {
        let getter = scope.spawn(|| (queue.get(Wait::For(PATIENCE)).unwrap(), Instant::now()));
        sleep(Duration::from_millis(100));
        let put = Instant::now();
        writeln!(putter.orders(), "now").unwrap();
        let (item, got) = getter.join().unwrap();
        assert_eq!(item.unwrap(), "a");
        assert!(got - put < WOKEN, "{:?}", got - put);
    });
    putter.end();
    Ok(())
}

fn closed(place: &Place<'_>) -> Checked {
    let queue = place.plain()?;
    scope(|scope| {
        let getters = [(); 2].map(|()| scope.spawn(|| queue.get(Wait::For(PATIENCE))));
        sleep(Duration::from_millis(100));
        let start = Instant::now();
        queue.close().unwrap();
        for getter in getters {
            let ended = getter.join().unwrap();
            assert!(matches!(ended, Err(Error::Closed { .. })), "{ended:?}");
        }
        assert!(start.elapsed() < WOKEN);
    });
    assert!(matches!(queue.put("a", Wait::No), Err(Error::Closed { .. })));
    assert!(matches!(queue.get(Wait::No), Err(Error::Closed { .. })));
    assert!(place.plain()?.is_empty().unwrap());
    Ok(())
}
