//! [`InvalidConnectionUrl`]: why a URL that may hold a password is refused before a driver reads
//! it.
//!
//! Drivers log what they cannot parse. A password with a `/` or a `?` moves the rest of the URL
//! into its path or its query, and from there into such a log line. An ambiguous URL is therefore
//! refused here, and the refusal names no part of the URL.

/// Why a URL with a password is not handed to a driver. No variant holds a part of the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConnectionUrl {
    /// A character of a password ends the user information too early, or makes the URL ambiguous.
    #[error("write / ? # : @ in a password as %2F %3F %23 %3A %40")]
    Unencoded,
    /// A `%` is not followed by two hexadecimal digits, or stands for a character that no password
    /// may hold.
    #[error("write % in a password as %25; two hexadecimal digits follow each %")]
    Percent,
    /// The URL holds a space, a line break or another control character.
    #[error("write a space in a password as %20; a URL holds no spaces, line breaks or control characters")]
    Space,
    /// The URL has a parameter that is not known, or one without a value.
    #[error("a parameter behind the ? is not known; the known ones are: {0}")]
    Parameter(&'static str),
}

/// The parameters that a driver reads after the `?` of its URL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters {
    /// The names, as the refusal lists them.
    pub(crate) listed: &'static str,
    /// Whether a name is one of them.
    pub(crate) known: fn(&str) -> bool,
}

/// Checks the part of a URL after `scheme://`.
pub(crate) fn check(rest: &str, parameters: Parameters) -> Result<(), InvalidConnectionUrl> {
    if rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(InvalidConnectionUrl::Space);
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    // After the host, an @ or a # is the end of a password that began before it.
    if behind.contains(['@', '#']) || user.contains('@') || user.matches(':').count() > 1 {
        return Err(InvalidConnectionUrl::Unencoded);
    }
    percent(rest)?;
    let query = behind.split_once('?').map_or("", |(_, query)| query);
    let known = |pair: &str| pair.split_once('=').is_some_and(|(name, _)| (parameters.known)(name));
    if query.split('&').filter(|pair| !pair.is_empty()).all(known) {
        Ok(())
    } else {
        Err(InvalidConnectionUrl::Parameter(parameters.listed))
    }
}

fn percent(text: &str) -> Result<(), InvalidConnectionUrl> {
    let mut parts = text.split('%');
    // The text before the first % needs no check.
    parts.next();
    let encoded = |part: &str| {
        let digits = part.as_bytes().get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        digits.is_some_and(|digits| digits != b"00")
    };
    if parts.all(encoded) { Ok(()) } else { Err(InvalidConnectionUrl::Percent) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KNOWN: Parameters = Parameters { listed: "sslmode", known: |name| name == "sslmode" };

    fn encoded(text: &str) -> String {
        text.bytes().fold(String::new(), |url, byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => url + &char::from(byte).to_string(),
            _ => url + &format!("%{byte:02X}"),
        })
    }

    #[test]
    fn plain_urls_are_handed_on() {
        for url in [
            "db/sqal",
            "u@db:5433/sqal",
            "u:secret@[::1]:5433/sqal?sslmode=require",
            "u:%2F7S%2Bq%3FK'%3Ahunter2@127.0.0.1:5999/sqal_db",
            "",
            "/sqal?sslmode=disable&sslmode=require",
            "u:p@%2Fvar%2Frun/sqal",
        ] {
            assert_eq!(check(url, KNOWN), Ok(()), "{url}");
        }
    }

    #[test]
    fn what_a_driver_would_log_is_refused_by_its_kind() {
        for (url, fault) in [
            ("sqal_user:/7S+q?K':hunter2@127.0.0.1:5999/sqal_db", InvalidConnectionUrl::Unencoded),
            ("u:pa#ss@db/sqal", InvalidConnectionUrl::Unencoded),
            ("u:pa:ss@db/sqal", InvalidConnectionUrl::Unencoded),
            ("u:pa@ss@db/sqal", InvalidConnectionUrl::Unencoded),
            ("u:p@db/sqal#x", InvalidConnectionUrl::Unencoded),
            ("u:p@db/sqal?sslmode=a@b", InvalidConnectionUrl::Unencoded),
            ("u:100%pure@db/sqal", InvalidConnectionUrl::Percent),
            ("u:100%@db/sqal", InvalidConnectionUrl::Percent),
            ("u:%00@db/sqal", InvalidConnectionUrl::Percent),
            ("u:pa ss@db/sqal", InvalidConnectionUrl::Space),
            ("u:pa\tss@db/sqal", InvalidConnectionUrl::Space),
            ("u:p@db/sqal?hunter2", InvalidConnectionUrl::Parameter("sslmode")),
            ("u:p@db/sqal?hunter=2", InvalidConnectionUrl::Parameter("sslmode")),
            ("u:p@db/sqal?sslmode", InvalidConnectionUrl::Parameter("sslmode")),
        ] {
            assert_eq!(check(url, KNOWN), Err(fault), "{url}");
        }
    }

    proptest! {
        /// A password that is encoded as the refusal says is accepted; a password with one of these
        /// characters unencoded is refused.
        #[test]
        fn a_password_is_taken_encoded_and_refused_raw(
            before in "[ -~é]{0,12}",
            special in prop::sample::select(vec!['/', '?', '#', ':', '@']),
            after in "[ -~é]{0,12}",
        ) {
            let password = format!("{before}{special}{after}");
            let taken = format!("u:{}@db:5432/sqal?sslmode=require", encoded(&password));
            prop_assert_eq!(check(&taken, KNOWN), Ok(()));
            let raw = format!("u:{password}@db:5432/sqal?sslmode=require");
            let refused = check(&raw, KNOWN);
            prop_assert!(refused.is_err(), "{}", raw);
        }
    }
}
