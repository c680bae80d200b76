//! The alerts, silences and stations of a plant, as many of each as asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use fixtures::scene::{Fault, Scene, Station};
use sqal_alerts::query::{Query, Selector, Series};
use sqal_alerts::state::{AlertBook, Evaluator, Remark, SilenceBook, SilenceTerms};
use sqal_alerts::station::{Change, Observation, Stations};
use sqal_alerts::{AlertRule, Hold, Severity, Words};
use sqal_core::{Sample, SampleKey};
use sqal_http::services::AlertParts;
use sqal_http::{Profile, Profiles, Services};
use sqal_storage::SqliteStore;

use crate::plant::{DEVICE, FOIE, judged, name, time};

/// The keys of what routes are asked for.
pub(crate) struct Alarms {
    /// The key of an open alert.
    pub(crate) open_alert: String,
    /// The key of an alert that ended hours ago.
    pub(crate) ended_alert: String,
    /// The id of a silence that is in force.
    pub(crate) silence: String,
}

impl Alarms {
    /// Stores this many of everything, and gives the services the parts that show it.
    pub(crate) async fn of(store: &Arc<SqliteStore>, services: &mut Services, count: u32) -> Self {
        let book = AlertBook::new(store.clone(), store.clone());
        let silences = SilenceBook::new(store.clone(), store.clone());
        let stations = Stations::new(store.clone());
        let [ended_alert, open_alert] = alerts(&book, count).await;
        let silence = silenced(&silences, count).await;
        watched(&stations, count).await;
        let parts = AlertParts { book: Arc::new(book), silences: Arc::new(silences), stations: Arc::new(stations) };
        services.plant.alerts = Some(parts);
        Self { open_alert, ended_alert, silence }
    }
}

/// Begins alerts and ends them, and begins others. Returns the key of one of each.
async fn alerts(book: &AlertBook, count: u32) -> [String; 2] {
    let query = Query::from(Selector::new("station_silent")).equal_to(1.0);
    let words = || Words::new("{device} is silent", "{device} se tait");
    let rule =
        AlertRule::new("StationSilent", Severity::Warning, query, Hold::default(), words(), words(), "station-silent");
    let mut evaluator = Evaluator::new([rule.unwrap()]);
    let mut series = Series::keeping(evaluator.rules().map(AlertRule::query));
    let silent =
        |of: &str| (0..count).map(|k| format!("station_silent{{device=\"{of}{k}\"}} 1\n")).collect::<Vec<_>>().concat();
    let mut keys = Vec::new();
    for (seconds, page) in [(-9000, silent("OLD")), (-8900, String::new()), (-100, silent("NEW"))] {
        series.scrape(&page, &[], time(seconds));
        let evaluation = evaluator.evaluate(&series, time(seconds));
        let update = book.take(&evaluation, &name("server"), time(seconds)).await.unwrap();
        keys.extend(update.began.first().map(|alert| alert.key.to_string()));
    }
    keys.try_into().unwrap()
}

/// Adds silences, and returns the id of one.
async fn silenced(silences: &SilenceBook, count: u32) -> String {
    let mut id = String::new();
    for k in 0..count {
        let matchers = BTreeMap::from([("device".to_owned(), format!("DEVICE{k}"))]);
        let reason = Remark::new("it is cleaned").unwrap();
        let terms = SilenceTerms { matchers, reason, from: time(-60), until: time(7200) };
        id = silences.add(terms, &name("marie"), time(-60)).await.unwrap().0.id().to_string();
    }
    id
}

/// Watches stations, of which one has had this many faults and has another one.
async fn watched(stations: &Stations, count: u32) {
    let profiles = Profiles::new([(name(FOIE), Profile::example())]).unwrap();
    let reading = Station::new(7).read(Scene::GOOD, Fault::None);
    let seeing = judged(&profiles, reading.frame.as_ref(), reading.spectrum.unwrap());
    let blind = judged(&profiles, None, reading.spectrum.unwrap());
    let mut second = -20_000;
    let mut changes = async |sample: &Sample, device: &str, later: i64| {
        second += later;
        let key = SampleKey { device_id: name(device), timestamp: time(second), ..sample.key };
        let tray = Observation::of(&Sample { key, received_at: time(second), ..sample.clone() }).unwrap();
        stations.take(&tray, time(second)).await.unwrap()
    };
    for k in 0..count {
        assert!(changes(&seeing, &format!("STATION{k}"), 1).await.is_empty());
    }
    // A reading is missing only after there was one.
    assert!(changes(&seeing, DEVICE, 1).await.is_empty());
    for fault in 0..=count {
        let (mut began, mut ended) = (0, 0);
        for sample in [[&blind; 12], [&seeing; 12]].into_iter().take(if fault < count { 2 } else { 1 }).flatten() {
            for change in changes(sample, DEVICE, 1).await {
                began += usize::from(matches!(change, Change::Began(_)));
                ended += usize::from(matches!(change, Change::Ended(_)));
            }
        }
        assert_eq!((began, ended), (1, usize::from(fault < count)), "a blind sensor is found within 12 trays");
    }
    stations.write_all(time(second)).await.unwrap();
    let faults = stations.faults(&name(DEVICE), time(0)).await.unwrap().unwrap();
    assert_eq!(faults.len(), usize::try_from(count).unwrap() + 1);
}
