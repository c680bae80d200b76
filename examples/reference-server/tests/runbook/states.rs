//! The states in which the pages show their commands, each brought about as it comes about in a
//! plant.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};
use sqal_core::{Name, Timestamp};
use sqal_http::sqal_protocol::time::rfc3339;
use sqal_storage::queue::NewJob;
use sqal_storage::sqlite::SqliteConfig;
use sqal_storage::{Queue, SqliteStore};

use crate::disk::SmallDisk;
use crate::mail;
use crate::monitoring::{finds, monitor};
use crate::plant::{Plant, STATION, token_of};
use crate::postgres::Postgres;
use crate::process::{Redis, free_address, now};

/// An objective that each read of samples misses.
const OBJECTIVES: &str = r#"
objectives:
  - name: samples-unread
    description: { en: Samples are not read., fr: Les échantillons ne sont pas lus. }
    target: 0.95
    bad: 'api_slo_request_duration_seconds_bucket{endpoint="/api/v1/samples",le="+Inf"}'
    total: 'api_slo_request_duration_seconds_count{endpoint="/api/v1/samples"}'
    burn_rates: [1h]
"#;

/// A server with a file, and a station that sends.
pub(crate) fn healthy() -> Plant {
    at_work(Plant::new())
}

/// A server with a PostgreSQL, and a station that sends.
pub(crate) fn with_postgres() -> Plant {
    at_work(plant_with_postgres())
}

/// A server whose PostgreSQL was killed while its station sends.
pub(crate) fn database_away() -> Plant {
    let mut plant = with_postgres();
    database(&mut plant).kill();
    plant.until("a read is refused", |plant| plant.ask("/api/v1/samples?limit=1").0 == 503);
    plant.until("health has it", |plant| plant.ask("/health").1["database"] == "disconnected");
    plant.until("samples wait", |plant| plant.metric("spool_samples_waiting") > Some(0.0));
    plant.until("the log has it", |plant| plant.journal().contains("samples wait in the spool"));
    plant
}

/// A server whose PostgreSQL was killed and has come back.
pub(crate) fn database_back() -> Plant {
    let mut plant = database_away();
    database(&mut plant).run();
    plant.until("health is good", |plant| plant.ask("/health").1["status"] == "healthy");
    plant.until("the spool is empty", |plant| plant.metric("spool_samples_waiting") == Some(0.0));
    plant.until("the log has it", |plant| plant.journal().contains("spooled samples have moved to the store"));
    plant.until("a read is answered", |plant| plant.ask("/api/v1/samples?limit=1").0 == 200);
    let writing = r#"circuit_breaker_state{name="database"}"#;
    plant.until("the breaker is closed", |plant| plant.metric(writing) == Some(0.0));
    plant
}

/// A server whose Redis was killed.
pub(crate) fn cache_away() -> Plant {
    without_redis().0
}

/// A server whose Redis was killed and has come back.
pub(crate) fn cache_back() -> Plant {
    let (mut plant, port) = without_redis();
    plant.keep(Redis::start(&port));
    plant.until("health is good", |plant| plant.ask("/health").1["status"] == "healthy");
    plant
}

/// A server that was stopped in order.
pub(crate) fn stopped() -> Plant {
    let mut plant = healthy();
    plant.stop();
    plant
}

/// A server with two frames that were refused for good.
pub(crate) fn dead_letters() -> Plant {
    let plant = healthy();
    let mut wrong = frame();
    wrong["as7341"]["integration_time"] = json!(-3);
    for _ in 0..2 {
        assert_eq!(plant.deliver(&wrong)["rejected"], 1);
    }
    plant
}

/// A server with three stations whose clocks are a quarter of an hour ahead.
pub(crate) fn clocks_ahead() -> Plant {
    let mut plant = Plant::new();
    plant.start();
    for device in ["STATION_1", "STATION_2", "STATION_3"] {
        let mut early = frame();
        (early["device_id"], early["timestamp"]) = (json!(device), json!(rfc3339(after_minutes(15))));
        assert_eq!(plant.deliver(&early)["try_again"], 1);
    }
    plant
}

/// A server to which one station connects twenty times.
pub(crate) fn device_storm() -> Plant {
    let mut plant = healthy();
    for _ in 0..20 {
        let mut connection = TcpStream::connect(&plant.address).unwrap();
        write!(
            connection,
            "GET /ws/sensors HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Authorization: Bearer {}\r\n\r\n",
            plant.address,
            token_of("storming")
        )
        .unwrap();
        connection.read_exact(&mut [0; 12]).unwrap();
        plant.keep(connection);
    }
    let refused = r#"budget_refused_total{kind="websockets"}"#;
    plant.until("connections are refused", |plant| plant.metric(refused) == Some(4.0));
    plant.until("the others are logged", |plant| plant.journal().matches(r#"caller="storming""#).count() == 16);
    plant
}

/// A server whose station has sent, and then nothing for ten of its intervals.
pub(crate) fn station_silent() -> Plant {
    let mut plant = Plant::new();
    plant.start();
    plant.send(STATION, 20);
    let device = format!("/api/v1/devices/{STATION}");
    plant.until("the station is offline", |plant| plant.ask(&device).1["presence"] == "offline");
    plant
}

/// A server whose mail server takes no connection.
pub(crate) fn mail_failing() -> Plant {
    let mut plant = Plant::new();
    mail::queue(&plant.data, "quality@example.com", "Station 3 is silent");
    let port = free_address().rsplit(':').next().unwrap().to_owned();
    for (name, value) in [
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_PORT", port.as_str()),
        ("SMTP_SECURITY", "plain"),
        ("SMTP_FROM", "sqal@plant.example"),
    ] {
        plant.set(name, value);
    }
    let plant = at_work(plant);
    let retried = r#"outbox_messages_total{channel="mail",outcome="retried"}"#;
    plant.until("a mail is tried again", |plant| plant.metric(retried) > Some(0.0));
    plant
}

/// A server with a job that another server, whose clock is three hours ahead, has enqueued.
pub(crate) fn job_waiting() -> Plant {
    let plant = Plant::new();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = SqliteStore::open(&SqliteConfig::at(plant.data.join("sqal.db"))).await.unwrap();
        let job = NewJob::new(Name::new("expired_records").unwrap(), "{}".to_owned(), after_minutes(180));
        store.enqueue(&job).await.unwrap();
        store.close().await;
    });
    let plant = at_work(plant);
    let waiting = r#"jobs{kind="expired_records",state="enqueued"}"#;
    plant.until("the job is counted", |plant| plant.metric(waiting) == Some(1.0));
    plant
}

/// A server whose disk was filled by another program.
pub(crate) fn disk_full() -> Plant {
    let mut plant = Plant::new();
    let disk = SmallDisk::new(64);
    plant.data = disk.path.join("data");
    plant.start();
    plant.send(STATION, 5);
    disk.fill();
    plant.keep(disk);
    plant.until("the server is not ready", |plant| plant.ask("/health/ready").0 == 503);
    let check = r#"health_check_ok{check="database",critical="true"}"#;
    plant.until("the metrics have it", |plant| plant.metric(check) == Some(0.0));
    plant
}

/// A server that has found damaged samples in its spool: a page of the file was overwritten while
/// the database was away.
pub(crate) fn spool_damaged() -> Plant {
    let mut plant = plant_with_postgres();
    plant.start();
    plant.send(STATION, 5);
    database(&mut plant).kill();
    plant.send("STATION_2", 60);
    plant.stop();
    overwrite_a_page(&plant.data.join("spool.db"));
    database(&mut plant).run();
    plant.start();
    plant.until("the server is not ready", |plant| plant.ask("/health/ready").0 == 503);
    plant.until("samples are skipped", |plant| plant.metric("spool_samples_damaged") > Some(0.0));
    plant
}

/// A server that a Prometheus scrapes, which evaluates its rules.
pub(crate) fn monitored() -> Plant {
    let mut plant = healthy();
    plant.prometheus = Some(monitor(&plant.address, plant.folder.path()));
    for query in ["up%20%3D%3D%201", "ALERTS%7Balertname%3D%22Watchdog%22%7D"] {
        plant.until(query, |plant| plant.prometheus.as_ref().is_some_and(|prometheus| finds(prometheus, query)));
    }
    plant
}

/// A server with an open alert: 25 reads have missed their objective.
pub(crate) fn alerting() -> Plant {
    let mut plant = Plant::new();
    let objectives = plant.folder.path().join("objectives.yaml");
    fs::write(&objectives, OBJECTIVES).unwrap();
    plant.set("SQAL_OBJECTIVES_FILE", objectives.to_str().unwrap());
    plant.start();
    plant.until("the rules are evaluated", |plant| plant.metric("alert_evaluations_total") > Some(0.0));
    for _ in 0..25 {
        assert_eq!(plant.ask("/api/v1/samples").0, 200);
    }
    let newest = |plant: &Plant| plant.ask("/api/v1/alerts").1["items"][0]["alertname"].clone();
    plant.until("an alert is open", |plant| newest(plant) == "ErrorBudgetBurn");
    plant
}

/// A server whose station has learned what is usual, and then has sent 15 trays without distances.
pub(crate) fn station_fault() -> Plant {
    let mut plant = Plant::new();
    plant.start();
    plant.send(STATION, 220);
    plant.until("the station has learned", |plant| station(plant)["reference"].is_object());
    for number in 0..15 {
        let mut blind = frame();
        blind.as_object_mut().unwrap().remove("vl53l8ch");
        blind["device_id"] = json!(STATION);
        blind["sample_id"] = json!(format!("SAMPLE-BLIND-{number}"));
        blind["timestamp"] = json!(rfc3339(now()));
        assert_eq!(plant.deliver(&blind)["persisted"], 1);
    }
    plant.until("the fault is found", |plant| station(plant)["faults"][0]["cause"] == "sensor_blind");
    plant
}

/// A server whose station has had a fault, and then has sent 30 trays with distances.
pub(crate) fn station_repaired() -> Plant {
    let plant = station_fault();
    plant.send(STATION, 30);
    plant.until("the fault is over", |plant| station(plant)["state"] == "well");
    plant
}

/// What the server says of the instruments of [`STATION`].
fn station(plant: &Plant) -> Value {
    plant.ask(&format!("/api/v1/stations/{STATION}")).1
}

/// Starts the server of a plant and its station.
fn at_work(mut plant: Plant) -> Plant {
    plant.start();
    plant.send(STATION, 20);
    plant.keep_sending();
    plant
}

fn plant_with_postgres() -> Plant {
    let mut plant = Plant::new();
    let postgres = Postgres::start();
    plant.set("DATABASE_URL", &postgres.url);
    plant.postgres = Some(postgres);
    plant
}

fn database(plant: &mut Plant) -> &mut Postgres {
    plant.postgres.as_mut().unwrap()
}

/// A server whose Redis was killed, and the port of that.
fn without_redis() -> (Plant, String) {
    let mut plant = Plant::new();
    let port = free_address().rsplit(':').next().unwrap().to_owned();
    let mut redis = Redis::start(&port);
    plant.set("REDIS_URL", &format!("redis://127.0.0.1:{port}/0"));
    let plant = at_work(plant);
    plant.until("the cache is used", |plant| plant.ask("/health").1["cache"] == "up");
    redis.kill();
    plant.until("reads go past the cache", |plant| {
        plant.ask("/api/v1/aggregates/hourly");
        plant.metric(r#"cache_bypass_total{cache_type="hourly_aggregates"}"#) > Some(0.0)
    });
    plant.until("health has it", |plant| plant.ask("/health").1["cache"] == "down");
    (plant, port)
}

/// The documented frame.
fn frame() -> Value {
    serde_json::from_str(fixtures::DOCUMENTED_FRAME).unwrap()
}

fn after_minutes(minutes: i64) -> Timestamp {
    Timestamp::from_micros(now().micros() + minutes * 60_000_000).unwrap()
}

/// Overwrites the first page of a file of SQLite that holds the name of a sample.
fn overwrite_a_page(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let holds_a_name = |page: &&mut [u8]| page.windows(7).any(|window| window == b"SAMPLE-");
    bytes.chunks_mut(4096).skip(1).find(holds_a_name).unwrap().fill(0xA5);
    fs::write(file, bytes).unwrap();
}
