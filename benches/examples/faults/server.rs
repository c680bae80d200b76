//! [`Server`]: the `sqal-server` of the release build on an empty database, and what a process has
//! used.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

/// Why a measurement ended early.
pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// The public key of the project of all devices.
pub(crate) const KEY: &str = "8d0f3c5b7a9e4d1c8b6a5f4e3d2c1b0a";

/// The database in PostgreSQL, which each server begins with empty.
const DATABASE: &str = "sqal_bench_faults";

/// The quotas of the server that are switched off: one address has all stations and all devices.
const QUOTAS: [&str; 4] =
    ["SQAL_CALLS_PER_MINUTE", "SQAL_FRAMES_PER_MINUTE", "SQAL_CONNECTIONS_PER_MINUTE", "SQAL_CONNECTIONS_PER_ADDRESS"];

/// Settings of the caller's environment that the server must not see.
const FOREIGN: [&str; 4] = ["CONFIG_PATH", "DATABASE_URL", "REDIS_URL", "SQAL_TOKENS_FILE"];

/// Where a server keeps its data.
#[derive(Debug)]
pub(crate) enum Engine {
    /// A new file for each server.
    Sqlite,
    /// A new database for each server, made by the server of PostgreSQL at this URL.
    Postgres(String),
}

impl Engine {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Makes an empty database, and returns its URL; `None` for a file.
    async fn empty_database(&self) -> Result<Option<String>, Failed> {
        self.remove_database().await?;
        let Self::Postgres(url) = self else { return Ok(None) };
        execute(url, format!("CREATE DATABASE {DATABASE}")).await?;
        let (address, options) = url.split_once('?').map_or((url.as_str(), None), |(url, rest)| (url, Some(rest)));
        let (server, _) = address.rsplit_once('/').ok_or("the URL of PostgreSQL names no database")?;
        let options = options.map(|options| format!("?{options}")).unwrap_or_default();
        Ok(Some(format!("{server}/{DATABASE}{options}")))
    }

    /// Removes the database of the last server, if PostgreSQL has it. A file is removed with its
    /// server.
    pub(crate) async fn remove_database(&self) -> Result<(), Failed> {
        let Self::Postgres(url) = self else { return Ok(()) };
        execute(url, format!("DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")).await
    }
}

async fn execute(url: &str, statement: String) -> Result<(), Failed> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: String,
    _data: TempDir,
}

impl Server {
    /// Starts the server on an empty database, and waits until it is ready. Its project 1 takes
    /// this number of events in a minute.
    pub(crate) async fn start(engine: &Engine, events_per_minute: u32) -> Result<Self, Failed> {
        let program = program()?;
        // Beside the program, because the folder of temporary files may be in memory.
        let data = tempfile::tempdir_in(program.parent().ok_or("a program without a folder")?)?;
        let file = data.path().join("projects.yaml");
        let project =
            format!("id: 1, name: stations, kind: device, key: '{KEY}', events_per_minute: {events_per_minute}");
        std::fs::write(&file, format!("- {{ {project} }}\n"))?;
        let mut command = Command::new(&program);
        command.args(["--address", "127.0.0.1:0", "--log", "warn", "--data-dir"]).arg(data.path().join("data"));
        for name in FOREIGN {
            command.env_remove(name);
        }
        command.envs(QUOTAS.map(|name| (name, "0")));
        command.env("SQAL_BUG_PROJECTS_FILE", &file).env("SQAL_BUG_OWN_FAULTS", "none");
        if let Some(url) = engine.empty_database().await? {
            command.env("DATABASE_URL", url);
        }
        let child = command.stdout(Stdio::piped()).spawn()?;
        let mut server = Self { child, address: String::new(), _data: data };
        let mut line = String::new();
        BufReader::new(server.child.stdout.take().ok_or("no standard output")?).read_line(&mut line)?;
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        address.ok_or_else(|| format!("the server did not start: {line:?}"))?.clone_into(&mut server.address);
        Ok(server)
    }

    /// The address, for example `127.0.0.1:40123`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What the process of the server has used until now.
    pub(crate) fn usage(&self) -> Result<Usage, Failed> {
        Usage::of(&self.child.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program of the server, which cargo puts into the folder above that of the examples.
fn program() -> Result<PathBuf, Failed> {
    let own = std::env::current_exe()?;
    let built = own.parent().and_then(Path::parent).ok_or("a program without a folder")?;
    let program = built.join(format!("sqal-server{}", std::env::consts::EXE_SUFFIX));
    if program.is_file() {
        return Ok(program);
    }
    let build = "cargo build --release -p reference-server --bin sqal-server";
    Err(format!("there is no {}: run `{build}` first", program.display()).into())
}

/// What a process has used since it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// The seconds of processor time of all its threads.
    pub(crate) seconds: f64,
    /// The memory that it has now (`VmRSS`), in MiB.
    pub(crate) resident_mib: f64,
    /// The most memory that it has had (`VmHWM`), in MiB.
    pub(crate) peak_mib: f64,
}

impl Usage {
    /// What this process has used.
    pub(crate) fn of_itself() -> Result<Self, Failed> {
        Self::of("self")
    }

    fn of(process: &str) -> Result<Self, Failed> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The process name in brackets may contain spaces.
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |field: usize| -> Result<f64, Failed> {
            let text = fields.get(field).ok_or("the kernel tells no processor time")?;
            Ok(text.parse::<f64>()?)
        };
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let mib = |name: &str| -> Result<f64, Failed> {
            let value = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("the kernel tells no memory")?;
            Ok(value.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
        };
        // Linux counts in hundredths of a second.
        let seconds = (ticks(11)? + ticks(12)?) / 100.0;
        Ok(Self { seconds, resident_mib: mib("VmRSS:")?, peak_mib: mib("VmHWM:")? })
    }
}
