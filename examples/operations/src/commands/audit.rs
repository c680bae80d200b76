//! `sqal audit`: states the contents of a database in a file outside of it, and compares them
//! later.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use sqal_storage::heads::HeadSigner;

use super::verify::verify;
use crate::command_error::CommandError;
use crate::database::Database;
use crate::heads::{StatedElsewhere, state};
use crate::hex::hex;
use crate::keys::Keys;
use crate::place::Place;

/// State the contents of a database in a file outside of it, signed, and compare them later.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    what: What,
}

/// The commands for heads.
#[derive(Debug, Subcommand)]
enum What {
    /// Print the public key that verifies the heads signed with the master key.
    Key {
        #[command(flatten)]
        keys: Keys,
    },
    /// Print the end of the audit log: the number of its lines, and the hash of the last one.
    Head {
        #[command(flatten)]
        database: Place,
    },
    /// Read every hour that changed, and append the contents of the database to a file of heads;
    /// signed if there is a master key.
    Sign {
        #[command(flatten)]
        database: Place,
        /// The file of heads; it is created if it does not exist.
        #[arg(long)]
        heads: PathBuf,
        #[command(flatten)]
        keys: Keys,
    },
    /// Read everything and compare it with itself and with a file of heads, as
    /// `sqal verify --heads` does.
    Verify {
        #[command(flatten)]
        database: Place,
        #[command(flatten)]
        stated: StatedElsewhere,
    },
}

impl Audit {
    pub(super) async fn run(self) -> Result<String, CommandError> {
        match self.what {
            What::Key { keys } => Ok(HeadSigner::of(&keys.ring()?).public().to_string()),
            What::Head { database } => {
                let database = Database::open_current(&database.read()?).await?;
                let head = database.custody().verify_audit().await??;
                database.close().await;
                Ok(format!("{} {}", head.number, hex(&head.hash)))
            }
            What::Sign { database, heads, keys } => {
                let database = Database::open_current(&database.read()?).await?;
                let signer = keys.ring_if_any()?.as_ref().map(HeadSigner::of);
                let said = state(&database, &heads, signer, false).await?;
                database.close().await;
                Ok(said)
            }
            What::Verify { database, stated } => verify(&database.read()?, &stated).await,
        }
    }
}
