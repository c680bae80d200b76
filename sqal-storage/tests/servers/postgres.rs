//! A PostgreSQL server for one test, and separate schemas in the server of the test command.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use sqal_storage::{PostgresStore, postgres::PostgresConfig};
use tempfile::TempDir;

pub(crate) fn variable(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "how the test command tells tests where servers are")]
    let value = std::env::var(name);
    value.unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`, which starts what is needed"))
}

/// The PostgreSQL of the test command, in a schema of its own.
pub(crate) fn fresh_schema() -> PostgresConfig {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let schema = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    PostgresConfig::new(&variable("SQAL_TEST_POSTGRES_URL")).unwrap().in_schema(&schema).unwrap()
}

/// A store in a schema of its own, with few connections: many tests run at once.
pub(crate) async fn fresh_store() -> PostgresStore {
    let one = std::num::NonZeroU32::MIN;
    let mut config = fresh_schema();
    (config.writers, config.readers) = (one, one);
    PostgresStore::open(&config).await.unwrap()
}

/// The number of a user by name, from the system's list.
fn user(name: &str) -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let fields: Vec<_> =
        users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name).unwrap();
    (fields[2].parse().unwrap(), fields[3].parse().unwrap())
}

/// A PostgreSQL server for one test, on a port of its own.
pub(crate) struct Postgres {
    process: Option<Child>,
    programs: PathBuf,
    data: PathBuf,
    port: u16,
    pub(crate) url: String,
    folder: TempDir,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("sqal-postgres-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = folder.path().join("data");
        Self::start_in(folder, data)
    }

    /// Starts a server with its data in an existing folder, for example on a small disk.
    pub(crate) fn start_in(folder: TempDir, data: PathBuf) -> Self {
        let programs = PathBuf::from(variable("SQAL_TEST_POSTGRES_PROGRAMS"));
        fs::create_dir_all(&data).unwrap();
        if rustix::process::geteuid().is_root() {
            let (uid, gid) = user("postgres");
            std::os::unix::fs::chown(&data, Some(uid), Some(gid)).unwrap();
        }
        let done = as_postgres(&programs.join("initdb"), &data)
            .args(["--auth=trust", "--username=sqal", "--encoding=UTF8", "--locale=C", "--pgdata"])
            .arg(&data)
            .stdout(Stdio::null())
            .status();
        assert!(done.unwrap().success());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("postgres://sqal@127.0.0.1:{port}/postgres");
        let mut server = Self { process: None, programs, data, port, url, folder };
        server.run();
        server
    }

    /// Starts the server, also after it was stopped or killed, and waits until it answers.
    pub(crate) fn run(&mut self) {
        // A postmaster that was killed leaves its file behind, and its children for a moment.
        for _ in 0..200 {
            let mut process = as_postgres(&self.programs.join("postgres"), &self.data)
                .arg("-D")
                .arg(&self.data)
                .args(["-p", &self.port.to_string(), "-h", "127.0.0.1", "-c", "fsync=on", "-c", "shared_buffers=32MB"])
                .arg("-c")
                .arg(format!("unix_socket_directories={}", self.data.display()))
                .stderr(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
            if lines.any(|line| line.contains("database system is ready to accept connections")) {
                // Its later output must not fill the pipe.
                std::thread::spawn(move || lines.for_each(drop));
                self.process = Some(process);
                return;
            }
            process.wait().unwrap();
        }
        panic!("PostgreSQL does not start again");
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = self.process.as_ref().unwrap().id().try_into().unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Sends a signal to the server and all its processes.
    pub(crate) fn signal_all(&self, signal: rustix::process::Signal) {
        let id = self.process.as_ref().unwrap().id().to_string();
        let name = if signal == rustix::process::Signal::STOP { "-STOP" } else { "-CONT" };
        self.signal(signal);
        Command::new("pkill").args([name, "-P", &id]).status().unwrap();
    }

    /// Puts the write-ahead log on another disk than the data.
    pub(crate) fn move_wal_away(&mut self) {
        self.stop_immediately();
        let (inside, outside) = (self.data.join("pg_wal"), self.folder.path().join("pg_wal"));
        let moved = Command::new("cp").arg("-a").args([&inside, &outside]).status().unwrap();
        assert!(moved.success());
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::remove_dir_all(&inside).unwrap();
        std::os::unix::fs::symlink(&outside, &inside).unwrap();
        self.run();
    }

    /// Kills the server with all its processes, as a crash of the machine does.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        let group = rustix::process::Pid::from_raw(process.id().try_into().unwrap()).unwrap();
        // Each backend leads a session of its own, so the group is not enough: the postmaster's
        // children are killed by their parent's id.
        let children = Command::new("pkill").args(["-KILL", "-P", &process.id().to_string()]).status();
        let _ = rustix::process::kill_process(group, rustix::process::Signal::KILL);
        children.unwrap();
        process.wait().unwrap();
    }

    /// Stops the server at once, without asking the clients.
    pub(crate) fn stop_immediately(&mut self) {
        self.signal(rustix::process::Signal::QUIT);
        self.process.take().unwrap().wait().unwrap();
    }

    pub(crate) fn config(&self) -> PostgresConfig {
        PostgresConfig::new(&self.url).unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = Command::new("pkill").args(["-KILL", "-P", &process.id().to_string()]).status();
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if rustix::process::geteuid().is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.arg(program).current_dir(folder).process_group(0);
    command
}
