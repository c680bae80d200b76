//! Checking tools from the registry, built once into the target folder.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failed;
use crate::process::Interrupts;
use crate::report::say;

/// A tool and the version that the checks were written for.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    name: &'static str,
    version: &'static str,
}

/// Finds dependencies that no source file names.
pub const MACHETE: Tool = Tool { name: "cargo-machete", version: "0.9.2" };

/// Holds the tree of dependencies against `deny.toml`.
pub const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

/// Builds targets with what libFuzzer needs to see where an input leads.
pub const FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

/// The path of a tool; builds it if it is not there.
///
/// # Errors
///
/// [`Failed`] if it cannot be built.
pub fn tool(root: &Path, interrupts: &Interrupts, tool: &Tool) -> Result<PathBuf, Failed> {
    let Tool { name, version } = tool;
    let folder = root.join("target/tools");
    let path = folder.join("bin").join(name);
    if !path.exists() {
        say(&format!("building {name} {version} (once; some minutes)"));
        let mut install = Command::new("cargo");
        install.args(["install", "--quiet", "--locked", "--version", version, name, "--root"]).arg(&folder);
        interrupts.run(&mut install)?;
    }
    Ok(path)
}

/// The version of schemathesis that the tests were written for.
const SCHEMATHESIS: &str = "4.32.5";

/// The path of `schemathesis`, with a WebSocket client, CBOR and the parser of OpenMetrics beside
/// it; installs them if they are not there.
///
/// # Errors
///
/// [`Failed`] if it cannot be installed.
pub fn schemathesis(root: &Path, interrupts: &Interrupts, python: &Path) -> Result<PathBuf, Failed> {
    let schemathesis = format!("schemathesis=={SCHEMATHESIS}");
    let packages = [&*schemathesis, "websockets==17.4", "cbor2==6.2.1", "prometheus-client==0.26.0"];
    let folder = environment(root, interrupts, python, &format!("strangers-{SCHEMATHESIS}-2"), &packages)?;
    Ok(folder.join("bin/schemathesis"))
}

/// The version of moto that the tests were written for.
const MOTO: &str = "5.2.5";

/// The path of `moto_server`, an S3 server in memory; installs it if it is not there.
///
/// # Errors
///
/// [`Failed`] if it cannot be installed.
pub fn moto(root: &Path, interrupts: &Interrupts, python: &Path) -> Result<PathBuf, Failed> {
    // `moto[server]` brings every service of the cloud, 317 MB; S3 and its server need 140 MB.
    let packages = [format!("moto[s3]=={MOTO}"), "flask==3.1.3".to_owned(), "flask-cors==6.0.5".to_owned()];
    let folder = environment(root, interrupts, python, &format!("moto-{MOTO}-1"), &packages)?;
    Ok(folder.join("bin/moto_server"))
}

/// The path of a Python that has the official verifier of Standard Webhooks and a mail server;
/// installs them if they are not there.
///
/// # Errors
///
/// [`Failed`] if they cannot be installed.
pub fn outbox_strangers(root: &Path, interrupts: &Interrupts, python: &Path) -> Result<PathBuf, Failed> {
    let packages = ["standardwebhooks==1.1.0", "aiosmtpd==1.4.6"].map(str::to_owned);
    let folder = environment(root, interrupts, python, "outbox-strangers-1", &packages)?;
    Ok(folder.join("bin/python"))
}

/// The path of a Python that has an OpenTelemetry collector of strangers, for gRPC and HTTP;
/// installs it if it is not there.
///
/// # Errors
///
/// [`Failed`] if it cannot be installed.
pub fn otlp_receiver(root: &Path, interrupts: &Interrupts, python: &Path) -> Result<PathBuf, Failed> {
    let packages = ["oteltest==0.49.0", "opentelemetry-proto==1.45.2", "grpcio==1.85.3"];
    let folder = environment(root, interrupts, python, "otlp-receiver-1", &packages)?;
    Ok(folder.join("bin/python"))
}

/// The path of a Python that has the client of Sentry; installs it if it is not there.
///
/// # Errors
///
/// [`Failed`] if it cannot be installed.
pub fn sentry_client(root: &Path, interrupts: &Interrupts, python: &Path) -> Result<PathBuf, Failed> {
    let folder = environment(root, interrupts, python, "sentry-client-1", &["sentry-sdk==2.75.0"])?;
    Ok(folder.join("bin/python"))
}

/// The folder of an environment of Python with these packages in it; makes it if it is not there as
/// a whole.
///
/// # Errors
///
/// [`Failed`] if a package cannot be installed.
pub fn environment(
    root: &Path,
    interrupts: &Interrupts,
    python: &Path,
    name: &str,
    packages: &[impl AsRef<OsStr>],
) -> Result<PathBuf, Failed> {
    let folder = root.join("target/tools").join(name);
    let finished = folder.join("finished");
    if !finished.exists() {
        say(&format!("installing {name} (once)"));
        interrupts.run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut pip = Command::new(folder.join("bin/pip"));
        interrupts.run(pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(packages))?;
        std::fs::write(finished, "")?;
    }
    Ok(folder)
}

/// The folder with the modules of a package of npm; installs it if it is not there as a whole.
///
/// # Errors
///
/// [`Failed`] if there is no `npm`, or if the package cannot be installed.
pub fn node_modules(root: &Path, interrupts: &Interrupts, name: &str, package: &str) -> Result<PathBuf, Failed> {
    let folder = root.join("target/tools").join(name);
    let finished = folder.join("finished");
    if !finished.exists() {
        say(&format!("installing {package} (once)"));
        std::fs::create_dir_all(&folder)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(&folder).arg(package);
        interrupts.run(&mut npm)?;
        std::fs::write(finished, "")?;
    }
    Ok(folder)
}
