//! A device that reconnects asks which samples are durable, and sends only the rest again.

use std::num::NonZeroU16;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use sqal_core::{DeviceId, SampleId, SampleKey};
use sqal_intake::quota::FrameQuota;
use sqal_intake::reception::not_for;
use sqal_protocol as protocol;
use sqal_protocol::Violation;
use sqal_protocol::answer::Answer;
use sqal_protocol::talk::{Hello, Welcome};
use sqal_storage::{SampleQuery, StorageError};

use super::pending::{CREDIT, PendingAnswer};
use crate::door::caller::Caller;
use crate::door::problem::Problem;
use crate::services::Services;

/// The limit of samples in a hello: not more than can have been unanswered.
const MOST_UNANSWERED: usize = CREDIT;

/// Answers a hello with the newest durable sample and with those of the unanswered samples that are
/// durable. `known` is the device that speaks on this connection, if it is exactly one.
pub(super) fn welcome(
    services: &Arc<Services>,
    caller: &Caller,
    known: Option<DeviceId>,
    hello: Hello,
) -> PendingAnswer {
    let Hello { device_id, unanswered } = hello;
    let now = (services.now)();
    let no = |problem| Box::pin(std::future::ready(Answer::refused(0, None, problem).at(now).text()));
    let Some(device_id) = device_id.or(known) else {
        let (limit, french) = (
            "the field: neither the token nor a frame of this connection names one device",
            "le champ : ni le jeton ni une trame de cette connexion ne nomme un seul appareil",
        );
        return no(protocol::Problem::invalid_frame(vec![Violation::new("/device_id", "missing", limit, french)]));
    };
    if !caller.speaks_for(&device_id) {
        return no(not_for(&device_id));
    }
    if unanswered.len() > MOST_UNANSWERED {
        let found = format!("{} samples", unanswered.len());
        let (limit, french) = (format!("at most {MOST_UNANSWERED}"), format!("au plus {MOST_UNANSWERED}"));
        return no(protocol::Problem::invalid_frame(vec![Violation::new("/unanswered", found, limit, french)]));
    }
    // A hello is answered from the database, as a frame is, so it counts against the device's
    // quota.
    let cost = u32::try_from(unanswered.len() + 1).unwrap_or(u32::MAX);
    let counted = services.door.quotas.take_frames(device_id, cost, services.clock.now());
    if let Some(answer) = counted.filter(|answer| !answer.allowed) {
        return no(protocol::Problem::too_many_requests(answer.retry_after_seconds()));
    }
    let services = Arc::clone(services);
    Box::pin(async move {
        let mut newest = SampleQuery::newest(NonZeroU16::MIN);
        newest.device_id = Some(device_id);
        let look = async {
            let last = services.storage.store.query(&newest).await?.items;
            let keys: Vec<_> = unanswered.iter().filter_map(|named| named.key(device_id)).collect();
            let persisted = durable(&services, keys).await?;
            Ok::<_, StorageError>(Welcome::new(device_id, (services.now)(), CREDIT, last.first(), &persisted))
        };
        match look.await {
            Ok(welcome) => welcome.text(),
            Err(error) => Answer::refused(0, None, Problem::from(error).into()).at((services.now)()).text(),
        }
    })
}

/// The limit of concurrent queries to the store for one hello.
const AT_A_TIME: usize = 8;

/// Which samples are durable, in their order.
async fn durable(services: &Services, keys: Vec<SampleKey>) -> Result<Vec<SampleKey>, StorageError> {
    let asking = stream::iter(keys.into_iter().map(|key| async move {
        let found = services.storage.store.get(&SampleId::of(&key)).await?;
        Ok::<_, StorageError>(found.is_some().then_some(key))
    }));
    let found: Vec<Option<SampleKey>> = asking.buffered(AT_A_TIME).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}
