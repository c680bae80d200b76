//! Calls the client programs of PostgreSQL, with the password of the URL in the environment.

use std::process::Command;

use crate::command_error::CommandError;

/// Adds a URL to a call of a PostgreSQL program. The password is passed in the environment, because
/// every user of the machine can read arguments.
pub(super) fn as_user<'c>(command: &'c mut Command, url: &str) -> &'c mut Command {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let scheme = scheme.split_once('+').map_or(scheme, |(scheme, _)| scheme);
    let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, mut password) = user.split_once(':').map_or((user, None), |(user, password)| (user, Some(password)));
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.strip_prefix("password=") {
            Some(given) => password = Some(given),
            None => kept.push(pair),
        }
    }
    if let Some(password) = password {
        command.env("PGPASSWORD", percent_decoded(password));
    }
    let (at, mark) = (if user.is_empty() { "" } else { "@" }, if kept.is_empty() { "" } else { "?" });
    // No terminal is available for a password prompt.
    command.arg("--no-password").arg(format!("--dbname={scheme}://{user}{at}{host}{path}{mark}{}", kept.join("&")))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs a program to its end, and returns its output.
pub(super) fn run(command: &mut Command) -> Result<String, CommandError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| CommandError::Program { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(CommandError::Ended { program, said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_in_no_argument() {
        let mut command = Command::new("pg_dump");
        as_user(&mut command, "postgresql+asyncpg://me:p%40ss:w@db:5433/sqal?sslmode=require");
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
        assert_eq!(arguments, ["--no-password", "--dbname=postgresql://me@db:5433/sqal?sslmode=require"]);
        let password = command.get_envs().find(|(name, _)| *name == "PGPASSWORD").and_then(|(_, value)| value);
        assert_eq!(password.unwrap(), "p@ss:w");
        let mut command = Command::new("pg_dump");
        as_user(&mut command, "postgres://me@prod/sqal?application_name=a@b&password=s3cret&sslmode=require");
        let shown = format!("{:?}", command.get_args().collect::<Vec<_>>());
        assert!(
            shown.contains("me@prod/sqal?application_name=a@b&sslmode=require") && !shown.contains("s3cret"),
            "{shown}"
        );
        let mut command = Command::new("pg_dump");
        as_user(&mut command, "postgres://db/sqal");
        assert!(command.get_envs().next().is_none());
        assert_eq!(percent_decoded("%zz%4"), "%zz%4");
    }
}
