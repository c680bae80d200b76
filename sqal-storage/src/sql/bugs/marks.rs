//! How bugs with a tag or with words are found: SQLite reads a list in its order if the tag and the
//! words are common, and by the rarest of them otherwise.

use super::statements;
use crate::StorageError;
use crate::bugs::{BugQuery, BugTag};
use crate::sql::row::{Row, Value};
use crate::sql::store::{Engine, Sql, SqlStore};

/// A tag or a word that a bug must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark<'q> {
    Tag(&'q str),
    Word(&'q str),
}

/// How the bugs that have all marks are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way<'q> {
    /// Each mark is a set of bugs, and the planner of the database chooses where to begin.
    BySets,
    /// The list is read in its order until the page is full, and each bug is asked for its marks.
    InOrder,
    /// The bugs that have this mark are read, and each is asked for the other marks.
    From(Mark<'q>),
}

impl<'q> Mark<'q> {
    /// The marks that a query asks for; `words` are its words as they are found.
    pub(super) fn of(query: &'q BugQuery, words: &'q [String]) -> Vec<Self> {
        let tag = query.tag.as_ref().map(BugTag::as_str).map(Self::Tag);
        tag.into_iter().chain(words.iter().map(String::as_str).map(Self::Word)).collect()
    }

    /// The tag or the word.
    pub(super) const fn text(self) -> &'q str {
        match self {
            Self::Tag(text) | Self::Word(text) => text,
        }
    }

    /// The statement that counts its bugs up to a bound.
    const fn count(self) -> Sql {
        match self {
            Self::Tag(_) => statements::WITH_TAG,
            Self::Word(_) => statements::WITH_WORD,
        }
    }

    /// The condition that a bug has the mark: the text before its place, and the text after it.
    pub(super) const fn condition(self, way: Way<'_>) -> (&'static str, &'static str) {
        match (way, self) {
            (Way::BySets, Self::Tag(_)) => (" AND id IN (SELECT bug_id FROM sqal_bug_tag WHERE tag = ", ")"),
            (Way::BySets, Self::Word(_)) => (" AND id IN (SELECT bug_id FROM sqal_bug_word WHERE word = ", ")"),
            // SQLite makes no set of a subquery that reads the row around it.
            (_, Self::Tag(_)) => {
                (" AND (SELECT 1 FROM sqal_bug_tag WHERE bug_id = bug_reports.id AND tag = ", ") IS NOT NULL")
            }
            (_, Self::Word(_)) => {
                (" AND (SELECT 1 FROM sqal_bug_word WHERE bug_id = bug_reports.id AND word = ", ") IS NOT NULL")
            }
        }
    }

    /// The tables from which [`Way::From`] reads, with the condition before the place of the mark.
    /// SQLite reads the tables of a `CROSS JOIN` in their order.
    pub(super) const fn source(self) -> &'static str {
        match self {
            Self::Tag(_) => {
                "sqal_bug_tag CROSS JOIN bug_reports WHERE bug_reports.id = sqal_bug_tag.bug_id AND sqal_bug_tag.tag = "
            }
            Self::Word(_) => {
                "sqal_bug_word CROSS JOIN bug_reports WHERE bug_reports.id = sqal_bug_word.bug_id AND sqal_bug_word.word = "
            }
        }
    }
}

/// The number in the one row of a statement.
async fn number<S: SqlStore>(store: &S, statement: Sql, values: &[Value<'_>]) -> Result<u64, StorageError> {
    let rows = store.read(statement, values).await?;
    let numbers = S::ENGINE.each(rows, |mut row: Row| row.unsigned("bugs"))?;
    Ok(numbers.into_iter().next().unwrap_or_default())
}

/// The ways to find `needed` bugs, one for each number.
///
/// PostgreSQL keeps statistics of its tables and chooses by itself. SQLite has none, so the marks
/// are counted. In its order a list is read until `needed` of its bugs were found: if `count` of
/// `all` bugs have a mark, about `needed * all / count` bugs. By the mark, `count` bugs are read.
/// So a mark is common, and the order is the shorter way, if `count` is more than the root of
/// `needed * all`; it is counted only so far.
pub(super) async fn ways<'q, S: SqlStore, const N: usize>(
    store: &S,
    marks: &[Mark<'q>],
    needed: [u64; N],
) -> Result<[Way<'q>; N], StorageError> {
    if S::ENGINE == Engine::Postgres || marks.is_empty() {
        return Ok([Way::BySets; N]);
    }
    let all = number(store, statements::ALL, &[]).await?;
    let bounds = needed.map(|needed| needed.saturating_mul(all).isqrt());
    let most = bounds.into_iter().max().unwrap_or_default().saturating_add(1);
    let mut rarest: Option<(u64, Mark<'q>)> = None;
    for mark in marks {
        let count = number(store, mark.count(), &[mark.text().into(), most.into()]).await?;
        if rarest.is_none_or(|(fewest, _)| count < fewest) {
            rarest = Some((count, *mark));
        }
    }
    let way = |bound: u64| match rarest {
        Some((count, mark)) if count <= bound => Way::From(mark),
        _ => Way::InOrder,
    };
    Ok(bounds.map(way))
}
