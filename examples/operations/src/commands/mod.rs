//! [`Command`]: the commands of `sqal`, one file each, with its arguments and what it does.

mod alerts;
mod audit;
mod backup;
mod bugs;
mod drill;
mod erase;
mod export;
mod mail;
mod migrate;
mod purge;
mod restore;
mod rotate;
mod seal;
mod token;
mod verify;

use clap::Subcommand;

use crate::command_error::CommandError;

/// A command, with its arguments. The description of each is that of its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Backup(backup::Backup),
    Restore(restore::Restore),
    Drill(drill::Drill),
    Verify(verify::Verify),
    Audit(audit::Audit),
    Migrate(migrate::Migrate),
    Purge(purge::Purge),
    Erase(erase::Erase),
    Export(export::Export),
    Token(token::Token),
    Mail(mail::Mail),
    Alerts(alerts::Alerts),
    Bugs(bugs::Bugs),
    Seal(seal::Seal),
    Rotate(rotate::Rotate),
}

impl Command {
    /// Runs the command. Returns the line that reports its success.
    ///
    /// # Errors
    ///
    /// [`CommandError`] says what failed, and often what to do.
    pub(crate) async fn run(self) -> Result<String, CommandError> {
        match self {
            Self::Backup(command) => command.run().await,
            Self::Restore(command) => command.run().await,
            Self::Drill(command) => command.run().await,
            Self::Verify(command) => command.run().await,
            Self::Audit(command) => command.run().await,
            Self::Migrate(command) => command.run().await,
            Self::Purge(command) => command.run().await,
            Self::Erase(command) => command.run().await,
            Self::Export(command) => command.run().await,
            Self::Token(command) => command.run(),
            Self::Mail(command) => command.run().await,
            Self::Alerts(command) => command.run(),
            Self::Bugs(command) => command.run().await,
            Self::Seal(command) => command.run().await,
            Self::Rotate(command) => command.run().await,
        }
    }
}
