//! [`Replies`]: answers to requests that may be sent again, by their `Idempotency-Key`.
//!
//! The key is that of draft-ietf-httpapi-idempotency-key-header-07. If a client lost an answer, it
//! sends the request again with its `Idempotency-Key`. It gets the stored answer, and nothing is
//! done twice.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};
use sqal_intake::Holder;
use sqal_protocol::Violation;

use crate::door::problem::Problem;

/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_hours(24);

/// The most answers that are kept.
const MOST: usize = 10_000;

/// The most bytes of the kept answers: of their bodies, heads and keys, and of the tables that hold
/// these.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// The share of one holder, or of one address: a quarter of the number and of the bytes. Its oldest
/// answers make room for its newest.
const MOST_OF_ONE: usize = MOST / 4;
const MOST_BYTES_OF_ONE: usize = MOST_BYTES / 4;

/// The bytes of an answer beside its texts: its entries in the tables, with the room that the
/// tables keep to grow.
const ENTRY: usize = 1024;

/// The bytes of a header field beside its texts.
const FIELD: usize = 160;

/// The longest key, in bytes.
const LONGEST: usize = 255;

/// A key, its owner, and its route. So a caller never finds the answer to another caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ReplyKey {
    pub(crate) route: u16,
    pub(crate) holder: Option<Holder>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) key: String,
}

/// The owner of keys: a holder, or an address.
type Owner = (Option<Holder>, Option<IpAddr>);

impl ReplyKey {
    const fn owner(&self) -> Owner {
        (self.holder, self.address)
    }
}

/// The number and the bytes of the answers that are kept for one owner.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    number: usize,
    bytes: usize,
}

/// An answer as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// The answer without the spare room of its buffers.
    fn compact(self) -> Self {
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        Self { status: self.status, headers, body: Bytes::copy_from_slice(&self.body) }
    }

    /// The bytes that the answer takes while it is kept under a key.
    fn weight(&self, key: &ReplyKey) -> usize {
        let fields: usize = self.headers.iter().map(|(name, value)| FIELD + name.as_str().len() + value.len()).sum();
        // The key is in two tables.
        ENTRY + 2 * key.key.len() + fields + self.body.len()
    }
}

#[derive(Debug)]
enum Place {
    UnderWay { fingerprint: [u8; 32] },
    Answered { fingerprint: [u8; 32], reply: Reply, at: Instant, weight: usize },
}

#[derive(Debug, Default)]
struct State {
    places: HashMap<ReplyKey, Place>,
    /// The keys of the answered requests, the oldest first.
    order: VecDeque<ReplyKey>,
    bytes: usize,
    owners: HashMap<Owner, Kept>,
}

impl State {
    /// Forgets the answers that are too old or above the limits.
    fn forget(&mut self, now: Instant) {
        while let Some(oldest) = self.order.front() {
            let over = self.order.len() > MOST || self.bytes > MOST_BYTES;
            let old = match self.places.get(oldest) {
                Some(Place::Answered { at, .. }) => now.saturating_duration_since(*at) >= KEPT_FOR,
                _ => true,
            };
            if !over && !old {
                return;
            }
            self.remove(0);
        }
    }

    /// Forgets the answer at this place of the order.
    fn remove(&mut self, at: usize) {
        let Some(key) = self.order.remove(at) else { return };
        let Some(Place::Answered { weight, .. }) = self.places.remove(&key) else { return };
        self.bytes -= weight;
        if let Some(kept) = self.owners.get_mut(&key.owner()) {
            kept.number -= 1;
            kept.bytes -= weight;
            if kept.number == 0 {
                self.owners.remove(&key.owner());
            }
        }
    }

    /// Forgets the oldest answers of an owner until one more of this weight fits into its share.
    fn make_room(&mut self, owner: Owner, weight: usize) {
        while let Some(kept) = self.owners.get(&owner)
            && (kept.number >= MOST_OF_ONE || kept.bytes + weight > MOST_BYTES_OF_ONE)
            && let Some(oldest) = self.order.iter().position(|key| key.owner() == owner)
        {
            self.remove(oldest);
        }
    }

    fn add(&mut self, key: ReplyKey, fingerprint: [u8; 32], reply: Reply, now: Instant) {
        let weight = reply.weight(&key);
        if weight > MOST_BYTES_OF_ONE {
            // Too heavy to be kept. If the request is sent again, it is executed again.
            self.places.remove(&key);
            return;
        }
        self.make_room(key.owner(), weight);
        let kept = self.owners.entry(key.owner()).or_default();
        kept.number += 1;
        kept.bytes += weight;
        self.bytes += weight;
        self.order.push_back(key.clone());
        self.places.insert(key, Place::Answered { fingerprint, reply, at: now, weight });
        self.forget(now);
    }
}

/// The answers of this process in the last 24 hours.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replies(Arc<Mutex<State>>);

/// How a request is to be handled.
#[derive(Debug)]
pub(crate) enum Begun {
    /// The request is new: execute it, and store its answer.
    New(UnderWay),
    /// The request was executed: this was its answer.
    Done(Reply),
}

/// A request that is being executed. If it is dropped without an answer, it may be sent again.
#[derive(Debug)]
pub(crate) struct UnderWay {
    replies: Replies,
    key: ReplyKey,
    fingerprint: [u8; 32],
    answered: bool,
}

/// The hash that distinguishes requests under one key.
pub(crate) fn fingerprint(path: &str, body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(path).chain_update([0]).chain_update(body).finalize().into()
}

/// The key of a request, if it has one: a string as structured fields write it (`"8e03978e"`, RFC
/// 8941), or the same text without its quotes.
///
/// # Errors
///
/// 400 if the key is not valid.
pub(crate) fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let read = |value: &HeaderValue| {
        let text = value.to_str().ok()?.trim();
        let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        let fits = (1..=LONGEST).contains(&bare.len());
        (fits && bare.bytes().all(|byte| matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b'\\' | b',')))
            .then(|| bare.to_owned())
    };
    if let Some(key) = read(value).filter(|_| values.next().is_none()) {
        return Ok(Some(key));
    }
    let limit =
        format!("one string of 1 to {LONGEST} visible characters, like \"8e03978e-40d5-43e8-bc93-6894a57f9324\"");
    let french = format!("une seule chaîne de 1 à {LONGEST} caractères visibles");
    Err(Problem::invalid_query(vec![Violation::new("Idempotency-Key", format!("{value:?}"), limit, french)]))
}

impl Replies {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request was already executed, or is new.
    ///
    /// # Errors
    ///
    /// 409 while the request is under way, 422 if another request has the key.
    pub(crate) fn begin(&self, key: ReplyKey, fingerprint: [u8; 32], now: Instant) -> Result<Begun, Problem> {
        let mut state = self.state();
        state.forget(now);
        match state.places.get(&key) {
            Some(Place::UnderWay { fingerprint: known } | Place::Answered { fingerprint: known, .. })
                if *known != fingerprint =>
            {
                Err(Problem::key_reused())
            }
            Some(Place::UnderWay { .. }) => Err(Problem::key_under_way()),
            Some(Place::Answered { reply, .. }) => Ok(Begun::Done(reply.clone())),
            None => {
                state.places.insert(key.clone(), Place::UnderWay { fingerprint });
                Ok(Begun::New(UnderWay { replies: self.clone(), key, fingerprint, answered: false }))
            }
        }
    }
}

impl UnderWay {
    /// Stores the answer of a request that was executed.
    pub(crate) fn answered(mut self, reply: Reply, now: Instant) {
        self.answered = true;
        let reply = reply.compact();
        self.replies.state().add(self.key.clone(), self.fingerprint, reply, now);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.answered {
            self.replies.state().places.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqal_resilience::{Clock, ManualClock};

    fn key(text: &str) -> ReplyKey {
        ReplyKey { route: 1, holder: None, address: None, key: text.to_owned() }
    }

    fn reply(bytes: usize) -> Reply {
        Reply { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::from(vec![b'x'; bytes]) }
    }

    fn new(begun: Result<Begun, Problem>) -> UnderWay {
        match begun {
            Ok(Begun::New(under_way)) => under_way,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_done_once_and_answered_as_often_as_it_comes() {
        let (replies, clock) = (Replies::default(), ManualClock::new());
        let (one, other) = (fingerprint("/a", b"1"), fingerprint("/a", b"2"));
        let begin = |print| replies.begin(key("k"), print, clock.now());
        let under_way = new(begin(one));
        assert_eq!(begin(one).unwrap_err().status, 409);
        assert_eq!(begin(other).unwrap_err().status, 422);
        new(replies.begin(ReplyKey { route: 2, ..key("k") }, other, clock.now())).answered(reply(1), clock.now());
        under_way.answered(reply(3), clock.now());
        assert!(matches!(begin(one), Ok(Begun::Done(reply)) if reply.body.len() == 3));
        assert_eq!(begin(other).unwrap_err().status, 422);
        clock.advance(KEPT_FOR.checked_sub(Duration::from_nanos(1)).unwrap());
        assert!(matches!(begin(one), Ok(Begun::Done(_))));
        clock.advance(Duration::from_nanos(1));
        // Dropped without an answer: if the request is sent again, it is executed.
        drop(new(begin(other)));
        new(begin(one)).answered(reply(0), clock.now());
        let state = replies.state();
        assert_eq!((state.places.len(), state.bytes), (1, reply(0).weight(&key("k"))));
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_bytes() {
        let (replies, clock) = (Replies::default(), ManualClock::new());
        // The answers of five owners, with a fifth each.
        let owned = |k: usize| ReplyKey {
            address: Some([192, 0, 2, u8::try_from(k % 5).unwrap()].into()),
            ..key(&k.to_string())
        };
        let answer = |k: usize, bytes| {
            new(replies.begin(owned(k), [0; 32], clock.now())).answered(reply(bytes), clock.now());
        };
        (0..MOST + 5).for_each(|k| answer(k, 0));
        let kept = |k: usize| replies.state().places.contains_key(&owned(k));
        assert_eq!(replies.state().places.len(), MOST);
        assert!(!kept(4) && kept(5));
        (0..40).for_each(|k| answer(k + 2 * MOST, 1_000_000));
        let state = replies.state();
        assert_eq!((state.places.len(), state.order.len()), (16, 16));
        assert!(state.bytes <= MOST_BYTES && state.bytes > 15_000_000, "{}", state.bytes);
    }

    #[test]
    fn one_owner_takes_a_quarter_in_number_and_in_weight_and_heads_and_keys_have_theirs() {
        let (replies, clock) = (Replies::default(), ManualClock::new());
        let answer = |key: ReplyKey, reply: Reply| {
            new(replies.begin(key, [0; 32], clock.now())).answered(reply, clock.now());
        };
        let other = ReplyKey { address: Some([192, 0, 2, 1].into()), ..key("theirs") };
        answer(other.clone(), reply(10));
        (0..MOST_OF_ONE + 500).for_each(|k| answer(key(&k.to_string()), reply(0)));
        assert_eq!(replies.state().places.len(), MOST_OF_ONE + 1);
        assert!(replies.state().places.contains_key(&other) && !replies.state().places.contains_key(&key("0")));
        // Heads of 8 KiB without a body, and keys of 255 bytes.
        let mut headers = HeaderMap::new();
        headers.insert("link", HeaderValue::from_str(&"x".repeat(8192)).unwrap());
        let heavy = Reply { headers, ..reply(0) };
        (0..2000).for_each(|k| answer(key(&format!("{k:0>255}")), heavy.clone()));
        let state = replies.state();
        let own = state.owners[&key("k").owner()].bytes;
        assert!(own <= MOST_BYTES_OF_ONE && own > MOST_BYTES_OF_ONE / 2, "{own}");
        assert!(state.places.contains_key(&other));
        drop(state);
        answer(key("too heavy"), reply(MOST_BYTES_OF_ONE));
        assert!(!replies.state().places.contains_key(&key("too heavy")) && replies.state().places.contains_key(&other));
        let state = replies.state();
        assert_eq!(state.bytes, state.owners.values().map(|kept| kept.bytes).sum::<usize>());
        assert_eq!((state.order.len(), state.owners.len()), (state.places.len(), 2));
    }

    #[test]
    fn a_key_is_one_string() {
        let read = |values: &[&'static str]| {
            let headers =
                values.iter().map(|value| ("idempotency-key".parse().unwrap(), HeaderValue::from_static(value)));
            let headers: HeaderMap = headers.collect();
            key_of(&headers).map_err(|problem| problem.status)
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["\"8e03978e-40d5\""]), Ok(Some("8e03978e-40d5".to_owned())));
        assert_eq!(read(&["8e03978e-40d5"]), Ok(Some("8e03978e-40d5".to_owned())));
        for wrong in ["", "\"\"", "\"a", "a b", "a\\b", "a,b", "\"a\";p=1\"\""] {
            assert_eq!(read(&[wrong]), Err(400), "{wrong:?}");
        }
        assert_eq!((read(&["a", "a"]), read(&["a", "b"])), (Err(400), Err(400)));
        let long: &'static str = "k".repeat(256).leak();
        assert_eq!((read(&[long]), read(&[&long[1..]])), (Err(400), Ok(Some(long[1..].to_owned()))));
    }
}
