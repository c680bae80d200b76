//! [`Silence`]: alerts that are not told for a time.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqal_core::{Name, Timestamp};

use super::author::Author;
use super::key::{AlertKey, is_hexadecimal};
use super::remark::Remark;
use crate::query::is_label_name;
use crate::times::{between, later, rfc3339};
use crate::{RuleName, Severity};

/// The id of a silence: 32 hexadecimal digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SilenceId(Name<32>);

impl SilenceId {
    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for SilenceId {
    type Err = InvalidSilence;

    fn from_str(text: &str) -> Result<Self, InvalidSilence> {
        let name = Name::new(text).ok().filter(|_| is_hexadecimal(text, 32));
        name.map(Self).ok_or_else(|| InvalidSilence::Id(shortened(text)))
    }
}

impl TryFrom<String> for SilenceId {
    type Error = InvalidSilence;

    fn try_from(text: String) -> Result<Self, InvalidSilence> {
        text.parse()
    }
}

impl From<SilenceId> for String {
    fn from(id: SilenceId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for SilenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is asked of a silence: which alerts, why, and from when to when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilenceTerms {
    /// The labels, each with its value, that an alert must have. `alertname`, `severity` and
    /// [`Silence::SHELF_LABEL`] count as labels.
    pub matchers: BTreeMap<String, String>,
    /// Why the alerts are not told.
    pub reason: Remark,
    /// The beginning.
    pub from: Timestamp,
    /// The end.
    pub until: Timestamp,
}

/// Why a silence cannot be made. Each text begins with the name of the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSilence {
    /// There is no matcher, which would silence everything, or there are too many.
    #[error("matchers: has {found}, expected 1 to {}", Silence::MOST_MATCHERS)]
    MatcherCount {
        /// The number of matchers.
        found: usize,
    },
    /// The name of a label is none.
    #[error(
        "matchers: {0:?} is not the name of a label: expected letters, digits and _, and no digit at the beginning"
    )]
    Label(String),
    /// An alert cannot have this value.
    #[error("matchers.{label}: {value:?} is not a value of this label: expected {expected}")]
    Value {
        /// The name of the label.
        label: String,
        /// The value.
        value: String,
        /// What is expected.
        expected: &'static str,
    },
    /// The end is not after the beginning.
    #[error("until: {} is not after from, {}", rfc3339(*.until), rfc3339(*.from))]
    Order {
        /// The beginning.
        from: Timestamp,
        /// The end.
        until: Timestamp,
    },
    /// The silence is longer than the limit.
    #[error("until: the silence lasts {} hours, expected at most {}", hours(*.lasts), hours(*.most))]
    TooLong {
        /// How long it lasts.
        lasts: Duration,
        /// The longest silence of this sort.
        most: Duration,
    },
    /// The silence is over already.
    #[error("until: {} is not after the present time, {}", rfc3339(*.until), rfc3339(*.now))]
    Over {
        /// The end.
        until: Timestamp,
        /// The present time.
        now: Timestamp,
    },
    /// The silence begins too far ahead.
    #[error("from: {} is more than {} days ahead", rfc3339(*.from), Silence::LONGEST.as_secs() / 86_400)]
    TooEarly {
        /// The beginning.
        from: Timestamp,
    },
    /// The text is not the id of a silence.
    #[error("silence {0:?}: expected 32 hexadecimal digits in lower case")]
    Id(String),
}

/// The end of a silence before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceEnd {
    /// The person who ended it.
    pub by: Author,
    /// The time at which it was ended.
    pub at: Timestamp,
    /// Why it was ended.
    pub why: Remark,
}

/// Alerts that have given labels are not told from a beginning to an end. They stay in the book.
///
/// ```
/// use std::collections::BTreeMap;
/// use sqal_alerts::state::{InvalidSilence, Remark, Silence, SilenceTerms};
/// use sqal_core::{Name, Timestamp};
///
/// let now = Timestamp::from_micros(1_794_000_000_000_000)?;
/// let until = Timestamp::from_micros(1_794_007_200_000_000)?;
/// let matchers = BTreeMap::from([("device".to_owned(), "POSTE1".to_owned())]);
/// let terms = SilenceTerms { matchers, reason: Remark::new("the lamp is replaced")?, from: now, until };
/// let silence = Silence::new(terms.clone(), &Name::new("marie")?, now)?;
/// assert!(silence.is_active(now) && !silence.is_active(until));
///
/// let everything = SilenceTerms { matchers: BTreeMap::new(), ..terms };
/// let refused = Silence::new(everything, &Name::new("marie")?, now);
/// assert_eq!(refused, Err(InvalidSilence::MatcherCount { found: 0 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredSilence", into = "StoredSilence")]
pub struct Silence(StoredSilence);

/// The fields of a silence, as they are stored. Their names are never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredSilence {
    id: SilenceId,
    matchers: BTreeMap<String, String>,
    by: Author,
    reason: Remark,
    from: Timestamp,
    until: Timestamp,
    added: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<SilenceEnd>,
}

impl Silence {
    /// The longest silence, and how far ahead it may begin: 30 days.
    pub const LONGEST: Duration = Duration::from_hours(30 * 24);

    /// The longest silence of one alert: 24 hours.
    pub const LONGEST_SHELF: Duration = Duration::from_hours(24);

    /// The largest number of matchers.
    pub const MOST_MATCHERS: usize = 16;

    /// The label of a matcher whose value is the key of one alert, which is then shelved.
    pub const SHELF_LABEL: &'static str = "alertkey";

    /// A silence that a person asks for.
    ///
    /// # Errors
    ///
    /// [`InvalidSilence`] if it has no matcher or more than [`Silence::MOST_MATCHERS`], if an alert
    /// cannot have a label or a value, if it does not end after its beginning and after `now`, if
    /// it lasts longer than [`Silence::LONGEST`] (of one alert [`Silence::LONGEST_SHELF`]), or if
    /// it begins more than [`Silence::LONGEST`] after `now`.
    pub fn new(terms: SilenceTerms, by: &Author, now: Timestamp) -> Result<Self, InvalidSilence> {
        let SilenceTerms { matchers, reason, from, until } = terms;
        let id = id_of(&matchers, &reason, [from, until, now], by);
        let silence =
            StoredSilence { id, matchers, by: *by, reason, from, until, added: now, ended: None }.checked()?;
        if until <= now {
            return Err(InvalidSilence::Over { until, now });
        }
        if from > later(now, Self::LONGEST) {
            return Err(InvalidSilence::TooEarly { from });
        }
        Ok(silence)
    }

    /// The id.
    #[must_use]
    pub const fn id(&self) -> &SilenceId {
        &self.0.id
    }

    /// The labels, each with its value, that an alert must have.
    #[must_use]
    pub const fn matchers(&self) -> &BTreeMap<String, String> {
        &self.0.matchers
    }

    /// The person who asked for it.
    #[must_use]
    pub const fn by(&self) -> &Author {
        &self.0.by
    }

    /// Why the alerts are not told.
    #[must_use]
    pub const fn reason(&self) -> &Remark {
        &self.0.reason
    }

    /// The beginning.
    #[must_use]
    pub const fn from(&self) -> Timestamp {
        self.0.from
    }

    /// The end, if it is not ended before.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.0.until
    }

    /// The time at which it was asked for.
    #[must_use]
    pub const fn added(&self) -> Timestamp {
        self.0.added
    }

    /// Its end before its time, if a person ended it.
    #[must_use]
    pub const fn ended(&self) -> Option<&SilenceEnd> {
        self.0.ended.as_ref()
    }

    /// The silence as a person ended it.
    #[must_use]
    pub(super) fn ended_by(mut self, end: SilenceEnd) -> Self {
        self.0.ended = Some(end);
        self
    }

    /// Whether alerts are not told at a time.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.0.ended.is_none() && self.0.from <= now && now < self.0.until
    }

    /// Whether the alert with this key has every label with its value. `label` gives the value of a
    /// label, of `alertname` or of `severity`.
    #[must_use]
    pub fn matches<'a>(&self, key: &str, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.matchers.iter().all(|(name, value)| match &**name {
            Self::SHELF_LABEL => key == value,
            name => label(name) == Some(value.as_str()),
        })
    }

    /// Whether this silence is equal to `wanted`, the silence that a call has just made. If it is,
    /// the call is a repeated one and adds no second silence.
    ///
    /// Equal silences have the same author, the same matchers, the same reason and the same end. If
    /// `wanted` begins at the time of its call, this silence begins at that time or earlier. If
    /// `wanted` begins at another time, both silences begin at that time.
    pub(super) fn meets(&self, wanted: &Self) -> bool {
        let (known, wanted) = (&self.0, &wanted.0);
        let begins = known.from == wanted.from || (wanted.from == wanted.added && known.from <= wanted.from);
        begins
            && known.by == wanted.by
            && known.until == wanted.until
            && known.reason == wanted.reason
            && known.matchers == wanted.matchers
    }
}

impl StoredSilence {
    /// The silence, if it is one by the rules that do not depend on the present time.
    fn checked(self) -> Result<Silence, InvalidSilence> {
        let found = self.matchers.len();
        if !(1..=Silence::MOST_MATCHERS).contains(&found) {
            return Err(InvalidSilence::MatcherCount { found });
        }
        for (label, value) in &self.matchers {
            check(label, value)?;
        }
        let (from, until) = (self.from, self.until);
        if until <= from {
            return Err(InvalidSilence::Order { from, until });
        }
        let is_shelf = self.matchers.contains_key(Silence::SHELF_LABEL);
        let most = if is_shelf { Silence::LONGEST_SHELF } else { Silence::LONGEST };
        let lasts = between(from, until);
        if lasts > most {
            return Err(InvalidSilence::TooLong { lasts, most });
        }
        Ok(Silence(self))
    }
}

impl TryFrom<StoredSilence> for Silence {
    type Error = InvalidSilence;

    fn try_from(stored: StoredSilence) -> Result<Self, InvalidSilence> {
        stored.checked()
    }
}

impl From<Silence> for StoredSilence {
    fn from(silence: Silence) -> Self {
        silence.0
    }
}

/// Checks one matcher.
fn check(label: &str, value: &str) -> Result<(), InvalidSilence> {
    if label.len() > 64 || !is_label_name(label) {
        return Err(InvalidSilence::Label(shortened(label)));
    }
    let (is_sound, expected) = match label {
        "alertname" => (RuleName::new(value).is_ok(), "the name of an alert"),
        "severity" => (Severity::ALL.iter().any(|severity| severity.as_str() == value), "warning or critical"),
        Silence::SHELF_LABEL => (value.parse::<AlertKey>().is_ok(), "the key of an alert"),
        _ => ((1..=200).contains(&value.len()), "1 to 200 bytes"),
    };
    if is_sound {
        return Ok(());
    }
    Err(InvalidSilence::Value { label: label.to_owned(), value: shortened(value), expected })
}

/// The id of a silence: a hash of what was asked for, by which person, and when. A call that is
/// repeated with equal arguments asks for one silence.
fn id_of(matchers: &BTreeMap<String, String>, reason: &Remark, times: [Timestamp; 3], by: &Author) -> SilenceId {
    let mut hash = Sha256::new();
    for time in times {
        hash.update(time.micros().to_be_bytes());
    }
    let texts = [by.as_str(), reason.as_str()].into_iter();
    let texts = texts.chain(matchers.iter().flat_map(|(label, value)| [label.as_str(), value.as_str()]));
    for text in texts {
        // The length first: no two lists of texts feed the same bytes.
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text.as_bytes());
    }
    let bytes = hash.finalize();
    let digits = bytes.iter().take(16).fold(String::with_capacity(32), |text, byte| text + &format!("{byte:02x}"));
    SilenceId(Name::new(&digits).unwrap_or_else(|_| unreachable!("32 hexadecimal digits")))
}

/// The beginning of a text, for an error.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

/// A duration in hours, rounded up to a tenth, so that what is above a limit shows as more.
fn hours(duration: Duration) -> String {
    let tenths = duration.as_micros().div_ceil(360_000_000);
    if tenths.is_multiple_of(10) { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}
