//! [`Place`]: the location of a database, preferably without its password in the arguments.

use std::path::PathBuf;

use clap::Args;

use crate::command_error::CommandError;

/// The location of a database.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// A SQLite file, or a URL of `PostgreSQL`. Every user of the machine can read arguments: a URL
    /// with a password is better given in `DATABASE_URL` or in a file.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, required_unless_present = "database_url_file")]
    database: Option<String>,
    /// A file that holds the URL; it is read if there is neither `--database` nor `DATABASE_URL`.
    #[arg(long, env = "DATABASE_URL_FILE")]
    database_url_file: Option<PathBuf>,
}

impl Place {
    /// The path of a SQLite file, or a URL.
    pub(crate) fn read(self) -> Result<String, CommandError> {
        match (self.database, self.database_url_file) {
            (Some(database), _) => Ok(database),
            (None, Some(file)) => match std::fs::read_to_string(&file) {
                Ok(text) => Ok(text.trim().to_owned()),
                Err(source) => Err(CommandError::UrlFile { file, source }),
            },
            (None, None) => unreachable!("one of the two is required"),
        }
    }
}

/// Whether an argument holds a URL with a password.
pub(crate) fn shows_password(argument: &str) -> bool {
    let Some((_, rest)) = argument.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let password = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
    password.is_some_and(|(_, password)| !password.is_empty()) || rest.contains("password=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_argument_is_noticed() {
        for shown in ["--database=postgres://u:p@db/sqal", "redis://:p@cache/0", "postgres://db/s?password=p"] {
            assert!(shows_password(shown), "{shown}");
        }
        for hidden in ["postgres://u@db/sqal", "postgres://db:5433/a@b", "sqal.db", "a:b@c"] {
            assert!(!shows_password(hidden), "{hidden}");
        }
    }

    #[test]
    fn a_url_is_read_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        std::fs::write(&file, "postgres://u:p@db/sqal\n").unwrap();
        let place = Place { database: None, database_url_file: Some(file.clone()) };
        assert_eq!(place.read().unwrap(), "postgres://u:p@db/sqal");
        let both = Place { database: Some("sqal.db".to_owned()), database_url_file: Some(file) };
        assert_eq!(both.read().unwrap(), "sqal.db");
        let absent = Place { database: None, database_url_file: Some(folder.path().join("nothing")) };
        assert!(absent.read().unwrap_err().to_string().contains("nothing"));
    }
}
