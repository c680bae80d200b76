//! [`Partition`]: the partition of `sample` for the month of a time, made when its first sample
//! comes.
//!
//! Times before 2020 and times after 2099 have one partition each, so there are at most 962,
//! whatever a clock says.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use sqal_core::Timestamp;
use sqlx::postgres::Postgres;
use sqlx::{AssertSqlSafe, Connection, Transaction};
use time::{Month, OffsetDateTime};

use super::error::storage_error;
use super::line::Line;
use super::statements;
use crate::StorageError;

const FIRST_YEAR: i32 = 2020;
const LAST_YEAR: i32 = 2099;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Partition {
    Before,
    Month(i32, u8),
    After,
}

impl Partition {
    /// The partition of a time in microseconds since 1970.
    pub(super) fn of(micros: i64) -> Self {
        // Every time of the years 0 to 9999 can be converted.
        let Ok(time) = OffsetDateTime::from_unix_timestamp(micros.div_euclid(1_000_000)) else { return Self::After };
        match time.year() {
            year if year < FIRST_YEAR => Self::Before,
            year if year > LAST_YEAR => Self::After,
            year => Self::Month(year, u8::from(time.month())),
        }
    }

    pub(super) fn table(self) -> String {
        match self {
            Self::Before => format!("sample_before_{FIRST_YEAR}"),
            Self::Month(year, month) => format!("sample_{year}_{month:02}"),
            Self::After => format!("sample_after_{LAST_YEAR}"),
        }
    }

    /// The beginning in microseconds since 1970; the smallest number for the partition without a
    /// beginning.
    fn begins(self) -> i64 {
        let (year, month) = match self {
            Self::Before => return i64::MIN,
            Self::Month(year, month) => (year, month),
            Self::After => (LAST_YEAR + 1, 1),
        };
        let month = Month::try_from(month).unwrap_or(Month::January);
        let first = time::Date::from_calendar_date(year, month, 1).map(|date| date.midnight().assume_utc());
        first.map_or(i64::MIN, |first| first.unix_timestamp() * 1_000_000)
    }

    /// The beginning of the partition that holds a time.
    pub(super) fn beginning_of(micros: i64) -> i64 {
        Self::of(micros).begins()
    }

    /// The partition with a table's name; `None` if the name is not that of a partition.
    fn named(table: &str) -> Option<Self> {
        let (year, month) = table.strip_prefix("sample_")?.split_once('_')?;
        let partition = match (year, month) {
            ("before", _) => Self::Before,
            ("after", _) => Self::After,
            (year, month) => Self::Month(year.parse().ok()?, month.parse().ok()?),
        };
        (partition.table() == table).then_some(partition)
    }

    /// The SQL that makes the partition: a separate table first, so that attaching it blocks no
    /// reader and no writer of the others.
    fn text(self) -> String {
        let (from, to) = match self {
            Self::Before => ("MINVALUE".to_owned(), format!("'{FIRST_YEAR}-01-01Z'")),
            Self::Month(year, month) => {
                let december = Month::try_from(month).is_ok_and(|month| month == Month::December);
                let (next_year, next_month) = if december { (year + 1, 1) } else { (year, month + 1) };
                (format!("'{year}-{month:02}-01Z'"), format!("'{next_year}-{next_month:02}-01Z'"))
            }
            Self::After => (format!("'{}-01-01Z'", LAST_YEAR + 1), "MAXVALUE".to_owned()),
        };
        let table = self.table();
        format!(
            "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_inherits
                WHERE inhparent = 'sample'::regclass AND inhrelid = to_regclass('{table}')) THEN
                CREATE TABLE {table} (LIKE sample INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)
                    WITH (toast_tuple_target = 8160);
                ALTER TABLE sample ATTACH PARTITION {table} FOR VALUES FROM ({from}) TO ({to});
            END IF; END $$"
        )
    }
}

/// The partitions that are known to exist.
#[derive(Debug, Default)]
pub(super) struct Partitions(Mutex<HashSet<Partition>>);

impl Partitions {
    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<Partition>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the partitions that the times need and that are not known.
    pub(super) async fn ready(
        &self,
        line: &Line,
        schema: &str,
        times: impl Iterator<Item = Timestamp>,
    ) -> Result<(), StorageError> {
        let mut missing: Vec<_> = {
            let known = self.known();
            times.map(|time| Partition::of(time.micros())).filter(|p| !known.contains(p)).collect()
        };
        missing.sort_unstable();
        missing.dedup();
        for partition in missing {
            // No part of the text comes from outside.
            let text = AssertSqlSafe(partition.text());
            line.with(async |connection| {
                let mut transaction = connection.begin().await?;
                sqlx::raw_sql(statements::LOCK_TIMEOUT).execute(&mut *transaction).await?;
                sqlx::query(statements::LOCK).bind(schema).execute(&mut *transaction).await?;
                sqlx::raw_sql(text).execute(&mut *transaction).await?;
                transaction.commit().await
            })
            .await?;
            self.known().insert(partition);
        }
        Ok(())
    }

    /// Drops the partitions that are wholly older than a time; returns the number of their samples.
    pub(super) async fn drop_before(
        &self,
        transaction: &mut Transaction<'_, Postgres>,
        micros: i64,
    ) -> Result<u64, StorageError> {
        let cut = Partition::of(micros);
        let there: Vec<String> =
            sqlx::query_scalar(statements::PARTITIONS).fetch_all(&mut **transaction).await.map_err(storage_error)?;
        sqlx::raw_sql(statements::LOCK_TIMEOUT).execute(&mut **transaction).await.map_err(storage_error)?;
        // Only tables that this module has named, and only those before the one that the time cuts.
        let old = |table: &String| Self::is_before(table, cut);
        let old: Vec<_> = there.into_iter().filter(old).collect();
        let mut dropped = 0;
        for table in &old {
            // The lock keeps writers out, so that the counted samples are those that are dropped;
            // readers continue.
            let lock = AssertSqlSafe(format!("LOCK TABLE {table} IN SHARE MODE"));
            sqlx::raw_sql(lock).execute(&mut **transaction).await.map_err(storage_error)?;
            let count = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            let count: i64 = sqlx::query_scalar(count).fetch_one(&mut **transaction).await.map_err(storage_error)?;
            dropped += count.unsigned_abs();
        }
        for table in &old {
            let drop = AssertSqlSafe(format!("DROP TABLE {table}"));
            sqlx::raw_sql(drop).execute(&mut **transaction).await.map_err(storage_error)?;
        }
        self.forget();
        Ok(dropped)
    }

    fn is_before(table: &str, cut: Partition) -> bool {
        Partition::named(table).is_some_and(|partition| partition < cut)
    }

    /// Forgets the known partitions, because one of them was dropped.
    pub(super) fn forget(&self) {
        self.known().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_belongs_to_its_month_or_to_one_of_the_two_ends() {
        let of = |seconds: i64| Partition::of(seconds * 1_000_000);
        assert_eq!(of(1_577_836_799), Partition::Before); // 2019-12-31T23:59:59Z
        assert_eq!(of(1_577_836_800), Partition::Month(2020, 1));
        assert_eq!(of(4_102_444_799), Partition::Month(2099, 12));
        assert_eq!(of(4_102_444_800), Partition::After);
        assert_eq!(Partition::of(-62_167_219_200_000_000), Partition::Before);
        assert_eq!(Partition::of(253_402_300_799_999_999), Partition::After);
        for partition in [Partition::Before, Partition::Month(2026, 12), Partition::After] {
            assert_eq!(Partition::named(&partition.table()), Some(partition));
        }
        for table in ["sample_hour", "sample_2026_1", "sample_2026_12; DROP", "sample_before_1999", "other_2026_12"] {
            assert_eq!(Partition::named(table), None, "{table}");
        }
        assert!(Partition::Before < Partition::Month(2020, 1) && Partition::Month(2099, 12) < Partition::After);
        assert_eq!(Partition::beginning_of(1_577_836_800_000_001), 1_577_836_800_000_000);
        assert_eq!(Partition::beginning_of(4_102_444_799_000_000), 4_099_766_400_000_000); // 2099-12-01
        assert_eq!(Partition::beginning_of(4_102_444_800_000_007), 4_102_444_800_000_000);
        assert_eq!(Partition::beginning_of(0), i64::MIN);
        assert_eq!(Partition::Month(2026, 12).table(), "sample_2026_12");
        assert!(Partition::Month(2026, 12).text().contains("FROM ('2026-12-01Z') TO ('2027-01-01Z')"));
    }
}
