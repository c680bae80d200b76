//! [`Fault`]: the faults of the drill, each with the way in which it is made.
//!
//! What a test cannot do to its machine (gigabytes of memory, the clock, a fault of the program) is
//! changed in the page of a healthy server: the one value that the machine would have changed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use sqal_core::{Name, Timestamp};
use sqal_storage::queue::NewJob;
use sqal_storage::{PostgresStore, Queue};

use crate::disk::SmallDisk;
use crate::hours_before::with;
use crate::plant::{Plant, STATION, token_of};
use crate::postgres::{Postgres, variable};
use crate::process::{Redis, free_address, now};
use crate::traffic::flood;

/// A fault, with what is expected of it.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// How it is made, as the table has it.
    pub(crate) made: &'static str,
    /// Minutes of the lapse after its beginning.
    pub(crate) minutes: u32,
    /// The alerts that must fire.
    pub(crate) tells: &'static [&'static str],
    /// The alerts that may call a person.
    pub(crate) calls: &'static [&'static str],
    pub(crate) ready: fn() -> Ready,
}

/// What is done to a plant in each second of the lapse.
type EachSecond = Box<dyn FnMut(&Plant, u32)>;

/// A healthy plant at work, and how its fault is made.
pub(crate) struct Ready {
    pub(crate) plant: Plant,
    /// What is read each second beside the usual.
    pub(crate) reads: &'static [&'static str],
    pub(crate) begin: Box<dyn FnOnce(&mut Plant)>,
    /// What happens in each second of the fault, by its number.
    pub(crate) each: EachSecond,
    /// The page that is seen of a page.
    pub(crate) seen: fn(&str) -> String,
}

/// Every fault.
pub(crate) const ALL: &[Fault] = &[
    Fault {
        name: "database killed",
        made: "PostgreSQL gets `SIGKILL`",
        minutes: 14,
        tells: &["CircuitBreakerOpen"],
        calls: &["CircuitBreakerOpen"],
        ready: database_killed,
    },
    Fault {
        name: "database frozen",
        made: "all processes of PostgreSQL get `SIGSTOP`",
        minutes: 14,
        tells: &["CircuitBreakerOpen"],
        calls: &["CircuitBreakerOpen"],
        ready: database_frozen,
    },
    Fault {
        name: "database slow",
        made: "PostgreSQL waits 1.2 s in three of ten statements that store samples",
        minutes: 16,
        tells: &["DatabaseSlow"],
        // Trays are judged late, and calls wait for a connection: that is for a person.
        calls: &["DatabasePoolExhausted", "ErrorBudgetBurn", "IngestSLOSeverityCritical"],
        ready: database_slow,
    },
    Fault {
        name: "Redis away",
        made: "Redis gets `SIGKILL`",
        minutes: 14,
        tells: &["CacheBreakerOpen"],
        calls: &[],
        ready: redis_away,
    },
    Fault {
        name: "disk full",
        made: "another program fills the disk of the data folder, with SQLite in it",
        minutes: 14,
        tells: &["DiskNearlyFull"],
        calls: &["DiskNearlyFull"],
        ready: disk_full,
    },
    Fault {
        name: "clock step",
        made: "page: `server_clock_steps_total` one higher",
        minutes: 5,
        tells: &["ServerClockStepped"],
        calls: &[],
        ready: clock_step,
    },
    Fault {
        name: "queue stuck",
        made: "a job is enqueued by a server whose clock is three hours ahead",
        minutes: 100,
        tells: &["QueueStuck"],
        calls: &[],
        ready: queue_stuck,
    },
    Fault {
        name: "device storm",
        made: "a station opens 40 connections a second and closes none",
        minutes: 14,
        tells: &["DeviceStorm"],
        calls: &[],
        ready: device_storm,
    },
    Fault {
        name: "panic",
        made: "page: `request_panics_total` of a route one higher",
        minutes: 5,
        tells: &["RequestPanicked"],
        calls: &[],
        ready: panic_of_a_request,
    },
    Fault {
        name: "memory",
        made: "page: `process_resident_memory_bytes` is 3 GiB",
        minutes: 12,
        tells: &["ServerMemoryHigh"],
        calls: &[],
        ready: memory_high,
    },
    Fault {
        name: "spool growing",
        made: "PostgreSQL gets `SIGKILL`, and a station delivers 5000 samples that it has kept",
        minutes: 14,
        tells: &["CircuitBreakerOpen", "SpoolGrowing"],
        calls: &["CircuitBreakerOpen"],
        ready: spool_growing,
    },
];

impl Ready {
    /// A plant at work in which nothing happens yet.
    fn new(mut plant: Plant) -> Self {
        plant.start();
        plant.send(STATION, 20);
        plant.keep_sending();
        let (begin, each) = (Box::new(|_: &mut Plant| ()), Box::new(|_: &Plant, _: u32| ()));
        Self { plant, reads: &[], begin, each, seen: str::to_owned }
    }

    /// A plant on a PostgreSQL.
    pub(crate) fn with_postgres() -> Self {
        let (mut plant, postgres) = (Plant::new(), Postgres::start());
        plant.set("DATABASE_URL", &postgres.url);
        plant.set("SQAL_FRAMES_PER_MINUTE", "0");
        plant.postgres = Some(postgres);
        Self::new(plant)
    }

    fn beginning(mut self, begin: impl FnOnce(&mut Plant) + 'static) -> Self {
        self.begin = Box::new(begin);
        self
    }

    /// A plant on a file of which another page is seen during the fault.
    fn seen_as(seen: fn(&str) -> String) -> Self {
        Self { seen, ..Self::new(Plant::new()) }
    }
}

fn database(plant: &mut Plant) -> &mut Postgres {
    plant.postgres.as_mut().unwrap()
}

fn database_killed() -> Ready {
    Ready::with_postgres().beginning(|plant| database(plant).kill())
}

fn database_frozen() -> Ready {
    Ready::with_postgres().beginning(|plant| database(plant).signal_all(Signal::STOP))
}

fn database_slow() -> Ready {
    const WAIT: &str = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS \
                        'BEGIN IF random() < 0.3 THEN PERFORM pg_sleep(1.2); END IF; RETURN NULL; END'; \
                        CREATE TRIGGER wait AFTER INSERT ON sample EXECUTE FUNCTION wait()";
    Ready::with_postgres().beginning(|plant| {
        let psql = PathBuf::from(variable("SQAL_TEST_POSTGRES_PROGRAMS")).join("psql");
        let ended = Command::new(psql).arg(&database(plant).url).args(["-qc", WAIT]).status().unwrap();
        assert!(ended.success());
    })
}

fn redis_away() -> Ready {
    let mut plant = Plant::new();
    let port = free_address().rsplit(':').next().unwrap().to_owned();
    let mut redis = Redis::start(&port);
    plant.set("REDIS_URL", &format!("redis://127.0.0.1:{port}/0"));
    let ready = Ready::new(plant);
    ready.plant.until("the cache is used", |plant| plant.ask("/health").1["cache"] == "up");
    // What was never read is not in the memory of the server: it asks Redis.
    let reads = &["/api/v1/aggregates/hourly?device_id=DRILL_{}", "/api/dashboard/metrics/"];
    Ready { reads, ..ready }.beginning(move |_| redis.kill())
}

fn disk_full() -> Ready {
    let mut plant = Plant::new();
    let disk = SmallDisk::new(64);
    plant.data = disk.path.join("data");
    let ready = Ready::new(plant);
    ready.beginning(move |plant| {
        disk.fill();
        plant.keep(disk);
    })
}

fn clock_step() -> Ready {
    Ready::seen_as(|page| with(page, "server_clock_steps_total", |steps| steps + 1.0))
}

fn queue_stuck() -> Ready {
    Ready::with_postgres().beginning(|plant| {
        let config = database(plant).config();
        let due = Timestamp::from_micros(now().micros() + 3 * 3_600_000_000).unwrap();
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let store = PostgresStore::open(&config).await.unwrap();
            let job = NewJob::new(Name::new("dry_run").unwrap(), "{}".to_owned(), due);
            store.enqueue(&job).await.unwrap();
            store.close().await;
        });
    })
}

fn device_storm() -> Ready {
    let mut open = Vec::new();
    let each = move |plant: &Plant, _: u32| {
        for _ in 0..40 {
            open.extend(connect(plant));
        }
    };
    Ready { each: Box::new(each), ..Ready::new(Plant::new()) }
}

/// Opens a connection as a station does; `None` if the server closes it.
fn connect(plant: &Plant) -> Option<TcpStream> {
    let address: SocketAddr = plant.address.parse().unwrap();
    let mut connection = TcpStream::connect_timeout(&address, Duration::from_secs(5)).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    write!(
        connection,
        "GET /ws/sensors HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: \
         13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {}\r\n\r\n",
        plant.address,
        token_of("storming")
    )
    .ok()?;
    let mut status = [0; 12];
    connection.read_exact(&mut status).ok()?;
    (status == *b"HTTP/1.1 101").then_some(connection)
}

fn panic_of_a_request() -> Ready {
    Ready::seen_as(|page| with(page, "request_panics_total{endpoint=\"/api/v1/samples\"}", |panics| panics + 1.0))
}

fn memory_high() -> Ready {
    Ready::seen_as(|page| with(page, "process_resident_memory_bytes", |_| 3.0 * 1_073_741_824.0))
}

fn spool_growing() -> Ready {
    /// By then the circuit breaker is open, so no call waits for the database.
    const FLOOD: u32 = 16;
    let each = |plant: &Plant, second: u32| {
        if second == FLOOD {
            flood(plant, "STATION_2", 5_000);
        }
    };
    Ready { each: Box::new(each), ..Ready::with_postgres() }.beginning(|plant| database(plant).kill())
}
