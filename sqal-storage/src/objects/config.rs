//! [`S3Config`]: where a bucket of S3 is, and the key that opens it.

use std::fmt;
use std::time::Duration;

use object_store::RetryConfig;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use url::Url;

use super::transport::Transport;

/// The largest accepted number of retries of a request, and the time after which none is made: a
/// caller learns soon that the storage does not answer.
const RETRIES: usize = 3;
const RETRYING: Duration = Duration::from_secs(10);

/// The longest accepted prefix, in bytes. A name has at most 1,024 (Amazon S3 user guide, "Naming
/// Amazon S3 objects"), of which the store needs 200.
const LONGEST_PREFIX: usize = 500;

/// The address of a bucket of S3, or of another storage with its protocol, and the key that opens
/// it.
///
/// It begins with [`S3Config::at`]; its fields are then set. Its `Debug` does not show the secret
/// key.
#[derive(Clone)]
#[non_exhaustive]
pub struct S3Config {
    /// The scheme, host and port of the storage, for example
    /// `https://s3.eu-west-1.amazonaws.com`. The bucket is named in the path of each request.
    pub endpoint: String,
    /// The region in the signature of each request. Most storage outside of Amazon's expects
    /// `us-east-1`.
    pub region: String,
    /// The name of the bucket, which must exist.
    pub bucket: String,
    /// The folder of the store in the bucket, for example `line-2/blobs`. If the text is empty, the
    /// whole bucket belongs to the store.
    pub prefix: String,
    /// The id of the access key.
    pub access_key: String,
    /// The secret of the access key. It signs requests and is never sent.
    pub secret_key: String,
    /// Whether an endpoint with `http` is accepted. It sends and receives contents unencrypted.
    pub allow_http: bool,
}

/// Why a bucket of S3 cannot be used. No text holds a part of a key or of the endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidS3 {
    /// The endpoint cannot be parsed, or has more than a scheme, a host and a port.
    #[error("the endpoint is not valid: expected https://host or https://host:port")]
    Endpoint,
    /// The endpoint has the scheme `http`, and [`S3Config::allow_http`] is `false`.
    #[error("the endpoint is http, which is not encrypted: expected https")]
    Unencrypted,
    /// The region's name is not valid.
    #[error("region {0:?}: expected letters, digits, - and _")]
    Region(String),
    /// The bucket's name is not valid.
    #[error("bucket {0:?}: expected 3 to 63 of a-z, 0-9, - and ., with a letter or digit at both ends")]
    Bucket(String),
    /// The prefix is not valid.
    #[error("prefix {0:?}: expected names of letters, digits, -, _ and . with / between them")]
    Prefix(String),
    /// The id of the access key is empty, or has a space or a control character.
    #[error("the id of the access key is not valid: expected visible ASCII characters")]
    AccessKey,
    /// The secret of the access key is empty.
    #[error("the secret of the access key is empty")]
    SecretKey,
    /// The certificates of the machine cannot be used.
    #[error("TLS: {0}")]
    Tls(String),
    /// The machine gives no random bytes for the names of objects.
    #[error("the machine gives no random bytes")]
    Randomness,
    /// The client of the storage refuses the configuration.
    #[error("the client of the storage refuses the configuration: {0}")]
    Client(String),
}

impl S3Config {
    /// A whole bucket in the region `us-east-1`, over an encrypted connection. Both parts of the
    /// key are empty, and are refused until they are set.
    #[must_use]
    pub fn at(endpoint: impl Into<String>, bucket: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            region: "us-east-1".to_owned(),
            bucket: bucket.into(),
            prefix: String::new(),
            access_key: String::new(),
            secret_key: String::new(),
            allow_http: false,
        }
    }

    /// The path above all objects of the store.
    pub(super) fn root(&self) -> Result<Path, InvalidS3> {
        let is_part = |part: &str| {
            let is_plain = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            is_plain && !matches!(part, "" | "." | "..")
        };
        let is_prefix = self.prefix.is_empty() || self.prefix.split('/').all(is_part);
        if is_prefix && self.prefix.len() <= LONGEST_PREFIX {
            Ok(Path::from(self.prefix.as_str()))
        } else {
            Err(InvalidS3::Prefix(self.prefix.clone()))
        }
    }

    /// A client of the bucket. It makes no connection before the first request.
    pub(super) fn client(&self) -> Result<AmazonS3, InvalidS3> {
        let endpoint = self.endpoint()?;
        self.check_names()?;
        AmazonS3Builder::new()
            .with_endpoint(endpoint.as_str().trim_end_matches('/'))
            .with_region(&self.region)
            .with_bucket_name(&self.bucket)
            .with_access_key_id(&self.access_key)
            .with_secret_access_key(&self.secret_key)
            .with_allow_http(self.allow_http)
            // The request that deletes several objects is missing in some storage.
            .with_disable_bulk_delete(true)
            .with_retry(RetryConfig { max_retries: RETRIES, retry_timeout: RETRYING, ..RetryConfig::default() })
            .with_http_connector(Transport::new(&endpoint).map_err(InvalidS3::Tls)?)
            .build()
            .map_err(|error| InvalidS3::Client(error.to_string()))
    }

    /// The endpoint as the driver parses it. The driver panics at a request if it cannot parse the
    /// endpoint.
    fn endpoint(&self) -> Result<Url, InvalidS3> {
        let endpoint = Url::parse(&self.endpoint).map_err(|_| InvalidS3::Endpoint)?;
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
        let has_host = endpoint.host_str().is_some_and(|host| !host.is_empty() && host.bytes().all(is_host));
        let has_user = !endpoint.username().is_empty() || endpoint.password().is_some();
        let has_more = endpoint.path() != "/" || endpoint.query().is_some() || endpoint.fragment().is_some();
        if !has_host || has_user || has_more {
            return Err(InvalidS3::Endpoint);
        }
        match endpoint.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            "http" => return Err(InvalidS3::Unencrypted),
            _ => return Err(InvalidS3::Endpoint),
        }
        Ok(endpoint)
    }

    /// Checks the names that stand in the URL or in a header of each request.
    fn check_names(&self) -> Result<(), InvalidS3> {
        let is_region = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if self.region.is_empty() || !self.region.bytes().all(is_region) {
            return Err(InvalidS3::Region(self.region.clone()));
        }
        let is_end = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bucket = self.bucket.as_bytes();
        let has_ends = bucket.first().is_some_and(is_end) && bucket.last().is_some_and(is_end);
        let is_bucket = bucket.iter().all(|byte| is_end(byte) || b"-.".contains(byte));
        if !(3..=63).contains(&bucket.len()) || !has_ends || !is_bucket {
            return Err(InvalidS3::Bucket(self.bucket.clone()));
        }
        if self.access_key.is_empty() || !self.access_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidS3::AccessKey);
        }
        if self.secret_key.is_empty() { Err(InvalidS3::SecretKey) } else { Ok(()) }
    }
}

/// Shows no secret. An endpoint that is not valid may hold a password, and is not shown.
impl fmt::Debug for S3Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = self.endpoint().map_or_else(|_| "not valid".to_owned(), String::from);
        f.debug_struct("S3Config")
            .field("endpoint", &endpoint)
            .field("region", &self.region)
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .field("access_key", &self.access_key)
            .field("allow_http", &self.allow_http)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> S3Config {
        S3Config {
            endpoint: "http://storage:9000".to_owned(),
            region: "us-east-1".to_owned(),
            bucket: "sqal.line-2".to_owned(),
            prefix: "line-2/blobs".to_owned(),
            access_key: "AKIAEXAMPLE".to_owned(),
            secret_key: "hunter2".to_owned(),
            allow_http: true,
        }
    }

    fn refusal(config: &S3Config) -> InvalidS3 {
        config.root().and_then(|_| config.client()).unwrap_err()
    }

    #[test]
    fn a_valid_configuration_makes_a_client() {
        assert!(config().client().is_ok());
        assert_eq!(config().root(), Ok(Path::from("line-2/blobs")));
        assert_eq!(S3Config { prefix: String::new(), ..config() }.root(), Ok(Path::default()));
        for endpoint in ["http://storage", "http://storage/", "http://127.0.0.1:9000", "http://[::1]:9000"] {
            assert!(S3Config { endpoint: endpoint.to_owned(), ..config() }.client().is_ok(), "{endpoint}");
        }
    }

    #[test]
    fn an_endpoint_is_a_scheme_a_host_and_a_port() {
        for endpoint in [
            "",
            "storage:9000",
            "ftp://storage",
            "http://",
            "http://user@storage",
            "http://:hunter2@storage",
            "http://storage/bucket",
            "http://storage?hunter2",
            "http://storage#hunter2",
            "http://storage:99999",
            "http://1.2.3.999",
            "http://sto{rage",
        ] {
            let refused = S3Config { endpoint: endpoint.to_owned(), ..config() };
            assert_eq!(refusal(&refused), InvalidS3::Endpoint, "{endpoint}");
            assert!(!format!("{refused:?}").contains("hunter2"), "{endpoint}");
        }
        assert_eq!(refusal(&S3Config { allow_http: false, ..config() }), InvalidS3::Unencrypted);
    }

    #[test]
    fn names_that_would_need_quotes_are_refused() {
        for region in ["", "us east", "us/east", "é", "us\neast"] {
            let refused = refusal(&S3Config { region: region.to_owned(), ..config() });
            assert_eq!(refused, InvalidS3::Region(region.to_owned()));
        }
        for bucket in ["", "ab", "Sqal", "-sqal", "sqal.", "sq/al", "sq al", "é-é-é", &"a".repeat(64)] {
            let refused = refusal(&S3Config { bucket: bucket.to_owned(), ..config() });
            assert_eq!(refused, InvalidS3::Bucket(bucket.to_owned()));
        }
        for prefix in ["/", "/blobs", "blobs/", "a//b", ".", "a/../b", "a b", "a%b", "é", &"a".repeat(501)] {
            let refused = refusal(&S3Config { prefix: prefix.to_owned(), ..config() });
            assert_eq!(refused, InvalidS3::Prefix(prefix.to_owned()));
        }
        for access_key in ["", "AKIA EXAMPLE", "AKIA\n", "é"] {
            let refused = refusal(&S3Config { access_key: access_key.to_owned(), ..config() });
            assert_eq!(refused, InvalidS3::AccessKey);
        }
        assert_eq!(refusal(&S3Config { secret_key: String::new(), ..config() }), InvalidS3::SecretKey);
        assert_eq!(refusal(&S3Config::at("https://storage", "sqal")), InvalidS3::AccessKey);
    }

    #[test]
    fn debug_shows_the_place_and_no_secret() {
        let shown = format!("{:?}", config());
        for part in ["http://storage:9000", "us-east-1", "sqal.line-2", "line-2/blobs", "AKIAEXAMPLE"] {
            assert!(shown.contains(part), "{shown}");
        }
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
