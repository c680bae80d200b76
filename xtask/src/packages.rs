//! Programs that tests need and that the system's package manager has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failed;
use crate::process::Interrupts;
use crate::report::say;

/// A program and the Debian package that brings it.
struct Need {
    package: &'static str,
    find: fn() -> Option<PathBuf>,
}

const NEEDS: [Need; 8] = [
    Need { package: "postgresql", find: postgres },
    Need { package: "redis-server", find: || on_path("redis-server") },
    Need { package: "chromium", find: || on_path("chromium") },
    Need { package: "prometheus", find: || on_path("promtool").and(on_path("prometheus")) },
    Need { package: "python3-venv", find: python_with_venv },
    Need { package: "prometheus-alertmanager", find: || on_path("prometheus-alertmanager").and(on_path("amtool")) },
    // The runbooks ask the server by these two.
    Need { package: "curl", find: || on_path("curl") },
    Need { package: "jq", find: || on_path("jq") },
];

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The folder with `initdb` and `postgres`.
    pub postgres: PathBuf,
    /// `redis-server`.
    pub redis: PathBuf,
    /// `chromium`.
    pub chromium: PathBuf,
    /// `prometheus`; `promtool` lies beside it.
    pub prometheus: PathBuf,
    /// A `python3` that makes environments.
    pub python: PathBuf,
    /// `amtool`; `prometheus-alertmanager` lies beside it.
    pub amtool: PathBuf,
}

/// Finds the programs, installs what is missing as root, or names the command to run.
///
/// # Errors
///
/// [`Failed`] if something is missing and cannot be installed.
pub fn ready(interrupts: &Interrupts) -> Result<Programs, Failed> {
    let missing: Vec<_> = NEEDS.iter().filter(|need| (need.find)().is_none()).map(|need| need.package).collect();
    if !missing.is_empty() {
        install(&missing, interrupts)?;
    }
    let [postgres, redis, chromium, prometheus, python, amtool, _, _] = &NEEDS;
    Ok(Programs {
        postgres: found(postgres)?,
        redis: found(redis)?,
        chromium: found(chromium)?,
        prometheus: found(prometheus)?,
        python: found(python)?,
        amtool: found(amtool)?,
    })
}

/// Finds the `go` of the heavy tests, which the other tests do without; installs it as root, or
/// names the command to run.
///
/// # Errors
///
/// [`Failed`] if it is missing and cannot be installed.
pub fn go(interrupts: &Interrupts) -> Result<PathBuf, Failed> {
    let need = Need { package: "golang-go", find: || on_path("go") };
    if (need.find)().is_none() {
        install(&[need.package], interrupts)?;
    }
    found(&need)
}

fn found(need: &Need) -> Result<PathBuf, Failed> {
    (need.find)().ok_or_else(|| Failed(format!("{} is installed, but its programs are not found", need.package)))
}

fn install(missing: &[&str], interrupts: &Interrupts) -> Result<(), Failed> {
    let packages = missing.join(" ");
    let by_hand =
        format!("the tests need {packages}: run\n\n    sudo apt-get install --no-install-recommends {packages}\n");
    if on_path("apt-get").is_none() {
        return Err(Failed(format!(
            "the tests need the programs of the Debian packages {packages}; install them by your system's means"
        )));
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Failed(by_hand));
    }
    say(&format!("installing {packages} by apt-get"));
    // Packages of servers start them; a policy of 101 forbids it while we install (invoke-rc.d(8)).
    let _policy = Policy::forbid_starts()?;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(["-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]).args(arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive").stdout(std::process::Stdio::null());
        interrupts.run(&mut command)
    };
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], missing].concat())
}

/// A temporary `policy-rc.d`; one that was there before stays as it is.
struct Policy(Option<&'static Path>);

impl Policy {
    fn forbid_starts() -> Result<Self, Failed> {
        use std::os::unix::fs::PermissionsExt;
        let path = Path::new("/usr/sbin/policy-rc.d");
        if path.exists() {
            return Ok(Self(None));
        }
        fs::write(path, "#!/bin/sh\nexit 101\n")?;
        let policy = Self(Some(path));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        Ok(policy)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if let Some(path) = self.0 {
            // Nothing better can be done than to leave it, and apt names it when it matters.
            let _ = fs::remove_file(path);
        }
    }
}

/// The newest installed PostgreSQL's folder of programs: Debian keeps them off the path.
fn postgres() -> Option<PathBuf> {
    let whole = |folder: &PathBuf| folder.join("initdb").exists() && folder.join("postgres").exists();
    let mut folders: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(whole)
        .collect();
    folders.sort();
    folders.pop().or_else(|| on_path("initdb").and_then(|path| Some(path.parent()?.to_path_buf())).filter(whole))
}

/// Debian keeps what makes environments in a package of its own.
fn python_with_venv() -> Option<PathBuf> {
    let python = on_path("python3")?;
    let mut asks = Command::new(&python);
    asks.args(["-c", "import ensurepip, venv"]).stderr(std::process::Stdio::null());
    asks.status().is_ok_and(|status| status.success()).then_some(python)
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}
