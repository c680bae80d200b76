//! [`SelfEvaluation`]: the rules of this server, evaluated over the metrics of its own process.

use sqal_alerts::AlertRule;
use sqal_alerts::query::Series;
use sqal_alerts::state::{Alert, Evaluation, Evaluator, ServerName};
use sqal_core::Timestamp;

/// The rules of this server, with what it remembers of its own metrics.
pub(super) struct SelfEvaluation {
    series: Series,
    evaluator: Evaluator,
    server: ServerName,
}

/// The result of one evaluation.
pub(super) struct Evaluated {
    pub(super) evaluation: Evaluation,
    /// Series beyond the limit of memory, whose metrics a rule asks for, and label sets beyond that
    /// of a rule.
    pub(super) left_out: usize,
}

impl SelfEvaluation {
    /// Rules that have not been evaluated yet.
    pub(super) fn new(rules: &[AlertRule], server: ServerName) -> Self {
        let series = Series::keeping(rules.iter().map(AlertRule::query));
        Self { series, evaluator: Evaluator::new(rules.iter().cloned()), server }
    }

    /// Takes over the open alerts of the book that this server had confirmed before it was started.
    pub(super) fn restore(&mut self, alerts: &[Alert], now: Timestamp) {
        self.evaluator.restore(alerts.iter().filter(|alert| alert.is_confirmed_by(&self.server)), now);
    }

    /// Evaluates the rules at a time, over the metrics as they are rendered then. The name of the
    /// server is their label `instance`, which a Prometheus adds when it scrapes.
    pub(super) fn look(&mut self, exposition: &str, now: Timestamp) -> Evaluated {
        let scraped = self.series.scrape(exposition, &[("instance", self.server.as_str())], now);
        let evaluation = self.evaluator.evaluate(&self.series, now);
        let left_out = scraped.left_out.saturating_add(evaluation.left_out);
        Evaluated { evaluation, left_out }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use sqal_alerts::catalogue::documented;
    use sqal_alerts::state::AlertBook;
    use sqal_core::Name;
    use sqal_storage::MemoryStore;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(1_794_000_000_000_000 + second * 1_000_000).unwrap()
    }

    fn server(name: &str) -> ServerName {
        Name::new(name).unwrap()
    }

    const STEPPED: &str = "server_clock_steps_total 1\n";
    const CALM: &str = "server_clock_steps_total 0\n";

    #[test]
    fn a_documented_rule_finds_what_the_process_shows_under_the_name_of_the_server() {
        let mut rules = SelfEvaluation::new(&documented(), server("line-1"));
        assert_eq!(rules.look(CALM, at(0)).evaluation.firing, []);
        let Evaluated { evaluation, left_out } = rules.look(STEPPED, at(15));
        let [finding] = &evaluation.firing[..] else { panic!("{evaluation:?}") };
        assert_eq!((finding.rule.as_str(), left_out), ("ServerClockStepped", 0));
        assert_eq!(finding.labels, BTreeMap::from([("instance".to_owned(), "line-1".to_owned())]));
    }

    /// A server that was just started has no rates yet, and its open alerts go on all the same.
    #[tokio::test]
    async fn an_open_alert_goes_on_after_a_restart_and_one_of_another_server_is_not_taken_over() {
        let store = Arc::new(MemoryStore::new());
        let book = AlertBook::new(store.clone(), store);
        let mut before = SelfEvaluation::new(&documented(), server("line-1"));
        before.look(CALM, at(0));
        let found = before.look(STEPPED, at(15)).evaluation;
        assert_eq!(book.take(&found, &server("line-1"), at(15)).await.unwrap().began.len(), 1);

        let open = book.current(at(60)).await.unwrap();
        for (name, firing) in [("line-1", 1), ("line-2", 0)] {
            let mut after = SelfEvaluation::new(&documented(), server(name));
            after.restore(&open, at(60));
            assert_eq!(after.look(CALM, at(60)).evaluation.firing.len(), firing, "{name}");
        }
    }
}
