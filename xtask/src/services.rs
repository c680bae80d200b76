//! Throw-away PostgreSQL and Redis on free ports in a temporary folder, gone when the value is
//! dropped.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::Failed;
use crate::packages::Programs;
use crate::process::{Interrupts, Running};
use crate::report::say;

/// The servers; dropping them stops them and removes their folder.
#[derive(Debug)]
pub struct Services {
    // Dropped in this order: servers before the folder that they write into.
    _postgres: Running,
    _redis: Running,
    _folder: TempDir,
    /// Where PostgreSQL answers, as a URL.
    pub postgres_url: String,
    /// Where Redis answers, as a URL.
    pub redis_url: String,
}

impl Services {
    /// Starts both and waits until they answer.
    ///
    /// # Errors
    ///
    /// [`Failed`] with what the server printed if one does not start.
    pub fn start(programs: &Programs, interrupts: &Interrupts) -> Result<Self, Failed> {
        let folder = tempfile::Builder::new().prefix("sqal-test-").tempdir()?;
        // PostgreSQL refuses to run as root, so another user must get in.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let (postgres, postgres_url) = postgres(&programs.postgres, folder.path(), interrupts)?;
        let (redis, redis_url) = redis(&programs.redis, folder.path(), interrupts)?;
        say(&format!("PostgreSQL on {postgres_url}, Redis on {redis_url}, both for this run only"));
        Ok(Self { _postgres: postgres, _redis: redis, _folder: folder, postgres_url, redis_url })
    }
}

/// A port that is free now. Between this answer and the server's start another process could take
/// it; the server then says so.
fn free_port() -> Result<u16, Failed> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A command that dies with this process even if this process is killed, as an unprivileged user
/// where root would be refused.
fn bound_to_us(program: &Path, unprivileged: bool) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if unprivileged && rustix::process::geteuid().is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.arg(program);
    command
}

fn postgres(programs: &Path, folder: &Path, interrupts: &Interrupts) -> Result<(Running, String), Failed> {
    let data = folder.join("postgres");
    fs::create_dir(&data)?;
    if rustix::process::geteuid().is_root() {
        interrupts.run(Command::new("chown").arg("postgres:postgres").arg(&data))?;
    }
    let mut initdb = bound_to_us(&programs.join("initdb"), true);
    initdb.args(["--auth=trust", "--username=sqal", "--encoding=UTF8", "--locale=C", "--pgdata"]).arg(&data);
    interrupts.run(initdb.current_dir(&data).stdout(Stdio::null()))?;

    let port = free_port()?;
    let mut server = bound_to_us(&programs.join("postgres"), true);
    server.arg("-D").arg(&data).args(["-p", &port.to_string(), "-h", "127.0.0.1"]);
    // Durability is under test, so fsync stays on; the socket lies in the folder that goes away.
    server.args(["-c", "fsync=on", "-c"]).arg(format!("unix_socket_directories={}", data.display()));
    let mut running = interrupts.spawn(server.current_dir(&data).stderr(Stdio::piped()))?.ending_with(Signal::QUIT);
    running.until_error("database system is ready to accept connections")?;
    Ok((running, format!("postgres://sqal@127.0.0.1:{port}/postgres")))
}

fn redis(program: &Path, folder: &Path, interrupts: &Interrupts) -> Result<(Running, String), Failed> {
    let data = folder.join("redis");
    fs::create_dir(&data)?;
    let port = free_port()?;
    let mut server = bound_to_us(program, false);
    server.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]).arg(&data);
    let mut running = interrupts.spawn(server.stdout(Stdio::piped()))?;
    running.until("Ready to accept connections")?;
    Ok((running, format!("redis://127.0.0.1:{port}/0")))
}
