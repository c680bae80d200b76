//! `sqal`: the operators' commands for stored data, for mail, for alerts and for bugs, which report
//! success or failure.
//!
//! The exit code is 0, 1, or 78 if a file that a command was given has a mistake.

mod alert_files;
mod all_bugs;
mod audit_line;
mod backups;
mod command_error;
mod commands;
mod database;
mod erasures;
mod fields;
mod heads;
mod hex;
mod keys;
mod place;
mod smtp;
mod wall_clock;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use command_error::CommandError;
use commands::Command;
use place::shows_password;
use rustix::fs::Mode;
use rustix::process::umask;

/// Operators' commands for the data that a SQAL server stores, for its mail, its alerts and its
/// bugs.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    // Backups and restored files are for this user only, whatever the umask of the command is.
    let _ = umask(Mode::RWXG | Mode::RWXO);
    let arguments = Arguments::parse();
    if std::env::args_os().any(|argument| shows_password(&argument.to_string_lossy())) {
        let _ = writeln!(
            std::io::stderr(),
            "sqal: a password stands on the command line, where every user of this machine can read it; use DATABASE_URL or --database-url-file"
        );
    }
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CommandError::from)
        .and_then(|runtime| runtime.block_on(arguments.command.run()));
    match done {
        Ok(said) => {
            let _ = writeln!(std::io::stdout(), "{said}");
            ExitCode::SUCCESS
        }
        Err(failed) => {
            let _ = writeln!(std::io::stderr(), "sqal: {failed}");
            ExitCode::from(failed.exit_code())
        }
    }
}
