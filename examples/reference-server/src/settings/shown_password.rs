//! [`shows_password`]: finds secrets in arguments, which every user of the machine can read.

/// Whether an argument holds a URL with a password, the key, the password of a mail server, or the
/// header fields of a collector.
#[must_use]
pub fn shows_password(argument: &str) -> bool {
    let flag = argument.split('=').next().unwrap_or_default();
    if argument.starts_with("--master-encryption-key")
        || matches!(flag, "--smtp-password" | "--otel-exporter-otlp-headers")
    {
        return true;
    }
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
        for shown in [
            "--database-url=postgres://u:p@db/sqal",
            "redis://:p@cache/0",
            "postgres://db/s?password=p",
            "--master-encryption-key",
            "--smtp-password",
            "--smtp-password=p",
            "--otel-exporter-otlp-headers=authorization=p",
        ] {
            assert!(shows_password(shown), "{shown}");
        }
        for hidden in [
            "postgres://u@db/sqal",
            "postgres://db:5433/a@b",
            "--address",
            "127.0.0.1:80",
            "a:b@c",
            "--smtp-password-file",
            "--otel-exporter-otlp-headers-file",
        ] {
            assert!(!shows_password(hidden), "{hidden}");
        }
    }
}
