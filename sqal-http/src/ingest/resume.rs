//! A device that comes back asks what is durable, and sends the rest again and no more.

use std::num::NonZeroU16;
use std::sync::Arc;

use sqal_core::SampleId;
use sqal_storage::{SampleQuery, StorageError};

use super::session::{CREDIT, PendingAnswer};
use crate::access::Caller;
use crate::answer::Answer;
use crate::wire::{Hello, Welcome};
use crate::{Problem, Services, Violation};

/// How many samples a hello may ask about: no more were under way.
const MOST_UNANSWERED: usize = CREDIT;

/// Says what is durable: the newest sample, and which of those that were not answered.
pub(super) fn welcome(services: &Arc<Services>, caller: &Caller, hello: Hello) -> PendingAnswer {
    let Hello { device_id, unanswered } = hello;
    let no = |problem| Box::pin(std::future::ready(Answer::refused(0, None, problem).text()));
    if !caller.speaks_for(&device_id) {
        return no(Problem::not_allowed(format!("this token is not for samples of {device_id}")));
    }
    if unanswered.len() > MOST_UNANSWERED {
        let found = format!("{} samples", unanswered.len());
        let (limit, french) = (format!("at most {MOST_UNANSWERED}"), format!("au plus {MOST_UNANSWERED}"));
        return no(Problem::invalid_frame(vec![Violation::new("/unanswered", found, limit, french)]));
    }
    // It is answered from the database, as a frame is.
    let cost = u32::try_from(unanswered.len() + 1).unwrap_or(u32::MAX);
    let counted = services.quotas.take_messages(device_id, cost, services.clock.now());
    if let Some(answer) = counted.filter(|answer| !answer.allowed) {
        return no(Problem::too_many_requests(answer.retry_after_seconds()));
    }
    let services = Arc::clone(services);
    Box::pin(async move {
        let newest = SampleQuery { device_id: Some(device_id), ..SampleQuery::newest(NonZeroU16::MIN) };
        let look = async {
            let last = services.store.query(&newest).await?.items;
            let mut persisted = Vec::new();
            for key in unanswered.iter().filter_map(|named| named.key(device_id)) {
                if services.store.get(&SampleId::of(&key)).await?.is_some() {
                    persisted.push(key);
                }
            }
            Ok::<_, StorageError>(Welcome::new(device_id, CREDIT, last.first(), &persisted))
        };
        match look.await {
            Ok(welcome) => serde_json::to_string(&welcome).unwrap_or_default(),
            Err(error) => Answer::refused(0, None, Problem::from(error)).text(),
        }
    })
}
