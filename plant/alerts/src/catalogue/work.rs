//! Alerts on jobs, and on mail, webhooks and notices that do not arrive.

use super::draft::DraftRule;
use crate::query::{Query, Selector};
use crate::rule::{AlertRule, Hold};

/// Kinds of jobs that wait up to a day for their next attempt: the channels of the outbox.
const CHANNELS: &[&str] = &["outbox_mail", "outbox_notice", "outbox_webhook"];

pub(super) fn rules() -> Vec<AlertRule> {
    vec![queue_stuck(), deliveries_failing()]
}

/// Jobs of all servers are counted by each of them, so their largest number is taken. A job that
/// waits for its next attempt, or for the jitter of its schedule, waits an hour at most.
fn queue_stuck() -> AlertRule {
    const KIND: &[&str] = &["kind"];
    let enqueued = Selector::new("jobs").with("state", "enqueued").mismatching("kind", CHANNELS);
    let waiting = Query::from(enqueued).max_by(KIND).above(0.0);
    let ended = Query::increase(Selector::new("job_runs_total"), 15).sum_by(KIND).above(0.0);
    let running = Query::from(Selector::new("job_runs_under_way")).sum_by(KIND).above(0.0);
    let query = waiting.unless(ended).unless(running);
    DraftRule::warning("QueueStuck", "queue-stuck", query).held(Hold::minutes(75)).says(
        ["Jobs of the kind {kind} wait, and none is run", "Des tâches {kind} attendent, et aucune n'est exécutée"],
        [
            "Jobs that wait: {value:count}. Trials, reports and purges of this kind do not happen; trays are not \
             affected.",
            "Tâches en attente : {value:count}. Les essais, rapports et purges de ce type n'ont pas lieu ; les \
             barquettes ne sont pas touchées.",
        ],
    )
}

/// A message was given up, or messages wait that were tried several times while none arrived.
fn deliveries_failing() -> AlertRule {
    const CHANNEL: &[&str] = &["channel"];
    let of = |outcome: &str, minutes: u64| {
        Query::increase(Selector::new("outbox_messages_total").with("outcome", outcome), minutes).sum_by(CHANNEL)
    };
    let waiting = Query::from(Selector::new("outbox_pending")).max_by(CHANNEL).above(0.0);
    let none_arrives = waiting.and(of("retried", 360).at_least(3.0)).unless(of("delivered", 60).above(0.0));
    let query = of("failed", 60).above(0.0).or(none_arrives);
    DraftRule::warning("DeliveriesFailing", "deliveries-failing", query).says(
        ["Messages by the channel {channel} do not arrive", "Les messages du canal {channel} n'arrivent pas"],
        [
            "Messages that were given up in the last hour, or that wait while none arrives: {value:count}. Alerts and \
             reports of the server may not reach people; trays are not affected.",
            "Messages abandonnés durant la dernière heure, ou en attente sans qu'aucun n'arrive : {value:count}. Des \
             alertes et rapports du serveur peuvent ne pas parvenir aux personnes ; les barquettes ne sont pas \
             touchées.",
        ],
    )
}
