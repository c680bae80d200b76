//! Every interleaving of a few threads at the bulkhead, by loom (BH-03, BH-07).

use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use loom::thread;

use super::{Bulkhead, BulkheadConfig, OwnedBulkheadPermit, Shed, Waiting};
use crate::{ManualClock, Rejected};

type Line = Waiting<Arc<Bulkhead<ManualClock>>, ManualClock>;

fn bulkhead(waiting: u32, shed: Shed) -> Arc<Bulkhead<ManualClock>> {
    let max_concurrent = NonZeroU32::MIN;
    let config = BulkheadConfig {
        max_concurrent,
        max_queued: waiting,
        max_wait: Duration::from_secs(1),
        shed,
        ..BulkheadConfig::default()
    };
    Arc::new(Bulkhead::new(config, ManualClock::new()).unwrap())
}

/// Polls until there is an answer. If the answer is a place, returns it as a permit.
fn until_answered(
    bulkhead: &Arc<Bulkhead<ManualClock>>,
    mut line: Line,
) -> Result<OwnedBulkheadPermit<ManualClock>, Rejected> {
    loop {
        if let Poll::Ready(answer) = Pin::new(&mut line).poll(&mut Context::from_waker(Waker::noop())) {
            return answer.map(|()| OwnedBulkheadPermit { bulkhead: Arc::clone(bulkhead) });
        }
        thread::yield_now();
    }
}

fn assert_empty(bulkhead: &Bulkhead<ManualClock>) {
    let seen = bulkhead.occupancy();
    assert_eq!((seen.running, seen.waiting), (0, 0));
}

/// A call leaves while another one comes. The second call enters or waits in the queue, and in the
/// queue it is served.
#[test]
fn a_place_that_becomes_free_is_not_lost_to_the_line() {
    loom::model(|| {
        let bulkhead = bulkhead(1, Shed::Newest);
        let inside = bulkhead.try_acquire_owned().unwrap();
        let comes = {
            let bulkhead = Arc::clone(&bulkhead);
            thread::spawn(move || {
                let line = Bulkhead::stand_in_line(Arc::clone(&bulkhead)).unwrap();
                until_answered(&bulkhead, line).map(drop)
            })
        };
        drop(inside);
        assert_eq!(comes.join().unwrap(), Ok(()));
        assert_empty(&bulkhead);
    });
}

/// The first caller in the queue gives up while its place comes: the place is free again.
#[test]
fn a_place_for_one_who_gives_up_comes_back() {
    loom::model(|| {
        let bulkhead = bulkhead(1, Shed::Newest);
        let inside = bulkhead.try_acquire_owned().unwrap();
        let line = Bulkhead::stand_in_line(Arc::clone(&bulkhead)).unwrap();
        let gives_up = thread::spawn(move || drop(line));
        drop(inside);
        gives_up.join().unwrap();
        assert_empty(&bulkhead);
        assert!(bulkhead.try_acquire().is_ok());
    });
}

/// The queue is full while one call comes and another one leaves. No call is sent away while a
/// place is free, and no call is inside twice.
#[test]
fn no_call_is_refused_while_a_place_is_free() {
    loom::model(|| {
        let bulkhead = bulkhead(1, Shed::Oldest);
        let inside = bulkhead.try_acquire_owned().unwrap();
        let waits = Bulkhead::stand_in_line(Arc::clone(&bulkhead)).unwrap();
        let comes = {
            let bulkhead = Arc::clone(&bulkhead);
            thread::spawn(move || Bulkhead::stand_in_line(Arc::clone(&bulkhead)).is_ok())
        };
        drop(inside);
        let served = until_answered(&bulkhead, waits);
        assert!(comes.join().unwrap(), "there was room for it");
        // Either the new call came first, and the oldest was sent away for it, or the oldest was
        // served.
        drop(served);
        assert_empty(&bulkhead);
    });
}

/// The bulkhead closes while a call waits and another one leaves: in the end it is empty.
#[test]
fn closing_leaves_no_waiter_behind() {
    loom::model(|| {
        let bulkhead = bulkhead(1, Shed::Newest);
        let inside = bulkhead.try_acquire_owned().unwrap();
        let line = Bulkhead::stand_in_line(Arc::clone(&bulkhead)).unwrap();
        let closes = {
            let bulkhead = Arc::clone(&bulkhead);
            thread::spawn(move || bulkhead.close())
        };
        drop(inside);
        drop(until_answered(&bulkhead, line));
        closes.join().unwrap();
        assert_empty(&bulkhead);
        assert!(bulkhead.try_acquire().is_err());
    });
}
