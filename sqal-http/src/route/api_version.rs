//! [`ApiVersion`]: the versions of the interface, as its paths name them.

/// A version of the interface: every path under `/api/v1/` or `/api/v2/` has one (API-04).
///
/// A new version begins empty. A route is added to it by its declaration alone, with a path of the
/// version: the description of the version, the list of versions in
/// `/api/v1/system/capabilities` and the refusal of other paths read the table of routes.
///
/// ```
/// use sqal_http::route::ApiVersion;
///
/// assert_eq!(ApiVersion::of("/api/v2/samples"), Some(ApiVersion::V2));
/// assert_eq!(ApiVersion::of("/api/sqal/latest"), None);
/// assert!(ApiVersion::V1 < ApiVersion::V2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ApiVersion {
    /// `/api/v1/`: the version that clients use.
    V1,
    /// `/api/v2/`: for operations that differ from those of `/api/v1/`.
    V2,
}

impl ApiVersion {
    /// All versions, the oldest first.
    pub const ALL: &'static [Self] = &[Self::V1, Self::V2];

    /// The name in paths: `v1`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    /// The version of a path; `None` if the path is un-versioned.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let name = path.strip_prefix("/api/")?.split('/').next()?;
        Self::ALL.iter().copied().find(|version| version.as_str() == name)
    }

    /// Whether the description of this version has a route with this path: the first version also
    /// has the un-versioned routes.
    #[must_use]
    pub fn describes(self, path: &str) -> bool {
        Self::of(path).unwrap_or(Self::V1) == self
    }

    /// The versions that paths have, the oldest first.
    pub(crate) fn among<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let mut found: Vec<_> = paths.into_iter().filter_map(Self::of).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_has_the_version_that_it_names() {
        for (path, version) in [
            ("/api/v1/samples:batch", Some(ApiVersion::V1)),
            ("/api/v1", Some(ApiVersion::V1)),
            ("/api/v2/", Some(ApiVersion::V2)),
            ("/api/v22/samples", None),
            ("/api/v/samples", None),
            ("/api/V2/samples", None),
            ("/api/sqal/latest", None),
            ("/openapi/v2.json", None),
            ("/docs/v2", None),
            ("", None),
        ] {
            assert_eq!(ApiVersion::of(path), version, "{path}");
        }
    }

    #[test]
    fn the_versions_among_paths_are_each_named_once() {
        let paths = ["/health", "/api/v2/a", "/api/v1/b", "/api/v2/c"];
        assert_eq!(ApiVersion::among(paths), ApiVersion::ALL);
        assert_eq!(ApiVersion::among(["/api/v1/b", "/api/v1/c", "/api/sqal/latest"]), [ApiVersion::V1]);
        assert!(ApiVersion::among(["/health"]).is_empty());
    }

    proptest! {
        /// Every path is in the description of exactly one version.
        #[test]
        fn every_path_is_described_once(path in prop_oneof!["/api/v[0-9]{1,2}(/[a-z]{0,3}){0,2}", "(/[a-z.]{0,5}){0,3}"]) {
            let describing = ApiVersion::ALL.iter().filter(|version| version.describes(&path)).count();
            prop_assert_eq!(describing, 1);
        }
    }
}
