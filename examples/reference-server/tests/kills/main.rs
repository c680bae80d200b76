//! Workers and servers are killed at random moments while clients enqueue jobs: nothing is lost,
//! and no job is run by two workers at once within its lease.
//!
//! A short run is part of the tests; `cargo xtask kills` is the long one. The seed is printed, and
//! can be given with `SQAL_KILLS_SEED`. The workers tell each step of each run on a pipe, which
//! outlives them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a soak says its seed and what it has seen")]

mod child;
mod clients;
#[path = "../../../../sqal-storage/tests/servers/postgres.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod postgres;
#[path = "../process/mod.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;
mod runs;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::num::NonZeroU16;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use child::{KINDS, TELLS};
use clients::{Acknowledged, ask_for_runs, enqueue};
use postgres::Postgres;
use process::{Server, free_address};
use runs::{Figures, Runs, Told};
use sqal_resilience::{Clock, TokioClock};
use sqal_storage::queue::{Job, JobId, JobQuery, JobState};
use sqal_storage::sqlite::SqliteConfig;
use sqal_storage::{PostgresStore, Queue, SqliteStore};
use tokio::sync::mpsc::unbounded_channel;

const CHILD: &str = "SQAL_KILLS_CHILD";

/// How long jobs may be open after the last kill. A schedule whose server was killed waits for up
/// to a minute and a half.
const AT_MOST: Duration = Duration::from_mins(5);

#[expect(clippy::disallowed_methods, reason = "how a soak is told its length, and its child what to do")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// `SplitMix64` (Steele, Lea and Flood 2014), which is good enough to choose what is killed, and
/// when.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

/// The number of kills and the seed, which are printed.
fn told_kills() -> (u64, Dice) {
    let kills = variable("SQAL_KILLS").map_or(10, |kills| kills.parse().unwrap());
    let seed = variable("SQAL_KILLS_SEED").map_or_else(sqal_resilience::fresh_seed, |seed| seed.parse().unwrap());
    println!("kills: {kills} kills, SQAL_KILLS_SEED={seed}");
    (kills, Dice(seed))
}

/// A line of a child.
#[derive(Clone, Copy)]
enum Line {
    Run(Told),
    Acknowledged(u64, JobId),
    Idle,
}

fn read_line(process: u64, line: &str) -> Option<Line> {
    let text = line.strip_prefix(TELLS)?;
    if text == "idle" {
        return Some(Line::Idle);
    }
    if let Some((n, id)) = text.strip_prefix("acknowledged ").and_then(|rest| rest.split_once(' ')) {
        return Some(Line::Acknowledged(n.parse().ok()?, id.parse().ok()?));
    }
    Told::read(process, text).map(Line::Run)
}

/// A process that does jobs; killed when dropped.
struct Working {
    child: Child,
    reader: Option<JoinHandle<()>>,
}

impl Working {
    /// Starts a child of a test. Its lines go to `lines`.
    fn start(test: &str, process: u64, told: &str, lines: &Sender<Line>) -> Self {
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(CHILD, format!("{process} {told}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (output, lines) = (BufReader::new(child.stdout.take().unwrap()), lines.clone());
        let reader = std::thread::spawn(move || {
            let told = output.lines().map_while(Result::ok).filter_map(|line| read_line(process, &line));
            // The test may be over.
            told.map(|line| lines.send(line)).take_while(Result::is_ok).for_each(drop);
        });
        Self { child, reader: Some(reader) }
    }

    /// Kills the process and reads what it has told.
    fn kill(mut self) {
        self.child.kill().unwrap();
        let ended = self.child.wait().unwrap();
        assert_eq!(ended.code(), None, "a worker has ended by itself: {ended}");
        self.reader.take().unwrap().join().unwrap();
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the children have told.
struct Book {
    lines: Receiver<Line>,
    runs: Runs,
    acknowledged: BTreeMap<u64, JobId>,
    is_idle: bool,
}

impl Book {
    fn new(lines: Receiver<Line>) -> Self {
        Self { lines, runs: Runs::default(), acknowledged: BTreeMap::new(), is_idle: false }
    }

    fn write(&mut self, line: Line) {
        match line {
            Line::Run(told) => self.runs.note(told),
            Line::Acknowledged(n, id) => {
                self.acknowledged.insert(n, id);
            }
            Line::Idle => self.is_idle = true,
        }
    }

    /// Writes down what is told until a time has passed.
    fn follow(&mut self, lasts: Duration) {
        let end = TokioClock.now() + lasts;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(TokioClock.now())) {
            self.write(line);
        }
    }

    /// Writes down what was told until now.
    fn close(&mut self) {
        while let Ok(line) = self.lines.try_recv() {
            self.write(line);
        }
    }
}

/// Every job of a queue.
async fn all_jobs(queue: &dyn Queue) -> Vec<Job> {
    let (mut all, mut query) = (Vec::new(), JobQuery::newest(NonZeroU16::new(1_000).unwrap()));
    loop {
        let page = queue.jobs(&query).await.unwrap();
        let Some(last) = page.last() else { return all };
        query = query.before(last.id);
        all.extend(page);
    }
}

fn is_of_worker(job: &Job) -> bool {
    KINDS.iter().any(|(kind, _)| job.kind.as_str() == *kind)
}

fn check(book: &Book, jobs: &[Job], acknowledged: &Acknowledged) -> Figures {
    Runs::check_acknowledged(jobs, acknowledged);
    book.runs.check(jobs, |job| job.kind.as_str() == "fragile")
}

fn say(kills: &str, figures: &Figures) {
    let Figures { jobs, failed, runs, repeated, ended_before } = figures;
    println!(
        "kills: {kills}; {jobs} jobs, {runs} runs, {repeated} of them repeated ({ended_before} after an end that was \
         not stored), {failed} jobs failed visibly; 0 lost, 0 overlaps, 0 runs after a stored end"
    );
}

/// The workers and the servers of a plant, which share a database.
struct Plant {
    test: &'static str,
    url: String,
    lines: Sender<Line>,
    workers: Vec<Working>,
    servers: Vec<Option<Server>>,
    addresses: Vec<String>,
    folders: Vec<tempfile::TempDir>,
    processes: u64,
}

impl Plant {
    fn start(test: &'static str, url: &str, lines: Sender<Line>) -> Self {
        let (workers, servers) = (Vec::new(), vec![None, None]);
        let addresses = servers.iter().map(|_| free_address()).collect();
        let folders = servers.iter().map(|_| tempfile::tempdir().unwrap()).collect();
        let url = url.to_owned();
        let mut plant = Self { test, url, lines, workers, servers, addresses, folders, processes: 0 };
        (0..plant.servers.len()).for_each(|number| plant.start_server(number));
        (0..3).for_each(|_| plant.start_worker());
        plant
    }

    fn start_worker(&mut self) {
        self.processes += 1;
        self.workers.push(Working::start(self.test, self.processes, &self.url, &self.lines));
    }

    fn start_server(&mut self, number: usize) {
        let settings = [("DATABASE_URL", self.url.as_str()), ("SQAL_CALLS_PER_MINUTE", "0"), ("SQAL_LOG", "warn")];
        let server = Server::start_with(&settings, self.folders[number].path(), &self.addresses[number]);
        self.servers[number] = Some(server);
    }

    /// Kills a worker, or in one of five cases a server, and starts another in its place. Returns
    /// whether it was a server.
    fn strike(&mut self, dice: &mut Dice) -> bool {
        let number = usize::try_from(dice.below(60)).unwrap();
        if number.is_multiple_of(5) {
            let number = number % self.servers.len();
            self.servers[number].take().unwrap().kill();
            self.start_server(number);
            return true;
        }
        self.workers.swap_remove(number % self.workers.len()).kill();
        self.start_worker();
        false
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one run, from the first process to the last look")]
fn workers_and_servers_are_killed_and_nothing_is_lost_or_run_twice_at_once() {
    const TEST: &str = "workers_and_servers_are_killed_and_nothing_is_lost_or_run_twice_at_once";
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(told) = variable(CHILD) {
        return runtime.block_on(child::work_on_postgres(&told));
    }
    let (kills, mut dice) = told_kills();
    let (postgres, (lines, told)) = (Postgres::start(), channel());
    let mut plant = Plant::start(TEST, &postgres.url, lines);
    let mut book = Book::new(told);
    let store = Arc::new(runtime.block_on(PostgresStore::open(&postgres.config())).unwrap());
    // Both clients of a kind enqueue the same jobs at once.
    let (senders, clients): (Vec<_>, Vec<_>) = (0..2)
        .map(|_| {
            let (sender, told) = unbounded_channel();
            (sender, runtime.spawn(enqueue(Arc::clone(&store), told)))
        })
        .unzip();
    let (keys, callers): (Vec<_>, Vec<_>) = (0..2)
        .map(|number| {
            let (sender, told) = channel();
            let mut addresses = plant.addresses.clone();
            addresses.rotate_left(number);
            (sender, ask_for_runs(addresses, told))
        })
        .unzip();
    let (mut first, mut of_servers) = (0, 0);
    for kill in 0..kills {
        let count = 1 + dice.below(20);
        for sender in &senders {
            sender.send((first, count)).unwrap();
        }
        first += count;
        if kill % 5 == 0 {
            for sender in &keys {
                sender.send(kill).unwrap();
            }
        }
        book.follow(Duration::from_millis(dice.below(400)));
        of_servers += u64::from(plant.strike(&mut dice));
    }
    drop((senders, keys));
    let mut clients = clients.into_iter().map(|client| runtime.block_on(client).unwrap());
    let acknowledged = clients.next().unwrap();
    assert_eq!(clients.next(), Some(acknowledged.clone()), "a key has one job, whichever client enqueues it");
    let mut callers = callers.into_iter().map(|caller| caller.join().unwrap());
    let asked = callers.next().unwrap();
    assert_eq!(callers.next(), Some(asked.clone()), "a key has one run, whichever server is asked");

    let begun = TokioClock.now();
    while runtime.block_on(store.count_jobs()).unwrap().iter().any(|count| count.state.is_open()) {
        let jobs = || runtime.block_on(all_jobs(&*store)).into_iter().filter(|job| job.state.is_open());
        assert!(TokioClock.now() < begun + AT_MOST, "jobs are left: {:?}", jobs().collect::<Vec<_>>());
        book.follow(Duration::from_millis(100));
    }
    plant.workers.drain(..).for_each(Working::kill);
    book.close();
    let (jobs, others): (Vec<_>, Vec<_>) = runtime.block_on(all_jobs(&*store)).into_iter().partition(is_of_worker);
    assert_eq!(jobs.len(), usize::try_from(first).unwrap(), "each job is there once");
    let figures = check(&book, &jobs, &acknowledged);
    check_runs_of_schedules(&others, &asked);
    let kills =
        format!("{} kills of workers, {of_servers} of servers, {} runs asked for", kills - of_servers, asked.len());
    say(&kills, &figures);
}

/// Each acknowledged run of a schedule has a job of its own, which has ended visibly.
fn check_runs_of_schedules(jobs: &[Job], asked: &BTreeMap<u64, String>) {
    let distinct: BTreeSet<_> = asked.values().collect();
    assert_eq!(distinct.len(), asked.len(), "two keys have one run");
    for id in asked.values() {
        let job = jobs.iter().find(|job| job.id.to_string() == *id);
        let job = job.unwrap_or_else(|| panic!("run {id}, which was acknowledged, is lost"));
        let is_visible = job.state == JobState::Succeeded || (job.state == JobState::Failed && job.failure.is_some());
        assert!(is_visible, "{job:?}");
    }
    assert!(jobs.len() <= asked.len() + 1, "a run was enqueued twice, beside the one that may be due: {jobs:?}");
}

#[test]
fn a_process_over_a_file_is_killed_and_nothing_is_lost_or_run_twice_at_once() {
    const TEST: &str = "a_process_over_a_file_is_killed_and_nothing_is_lost_or_run_twice_at_once";
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(told) = variable(CHILD) {
        return runtime.block_on(child::work_on_sqlite(&told));
    }
    let (kills, mut dice) = told_kills();
    let (folder, (lines, told)) = (tempfile::tempdir().unwrap(), channel());
    let path = folder.path().join("sqal.db");
    let mut book = Book::new(told);
    let start =
        |process: u64, first: &str| Working::start(TEST, process, &format!("{first} {}", path.display()), &lines);
    for life in 0..kills {
        // What was not acknowledged is enqueued again.
        let next = book.acknowledged.last_key_value().map_or(0, |(n, _)| n + 1);
        let child = start(life, &next.to_string());
        book.follow(Duration::from_millis(100 + dice.below(400)));
        child.kill();
        book.close();
    }
    let child = start(kills, "none");
    let begun = TokioClock.now();
    while !book.is_idle {
        // A life was too short for a long run: all of these are still to be done.
        let rest = Duration::from_millis(100) * u32::try_from(book.acknowledged.len()).unwrap();
        assert!(TokioClock.now() < begun + AT_MOST + rest, "jobs are left");
        book.follow(Duration::from_millis(100));
    }
    child.kill();
    book.close();
    let jobs = runtime.block_on(async {
        let store = SqliteStore::open(&SqliteConfig::at(&path)).await.unwrap();
        all_jobs(&store).await
    });
    let named = |(n, id): (&u64, &JobId)| {
        let job = child::nth(*n);
        (format!("{} {}", job.kind, job.key.unwrap()), *id)
    };
    let acknowledged: Acknowledged = book.acknowledged.iter().map(named).collect();
    assert!(jobs.len() <= acknowledged.len() + 1, "one job at most was enqueued and not acknowledged");
    say(&format!("{kills} kills of the process"), &check(&book, &jobs, &acknowledged));
}
