//! Chunks: the days of a hypertable, which `TimescaleDB` makes, compresses and drops.

use std::num::NonZeroU32;

use sqlx::Transaction;
use sqlx::postgres::Postgres;

use super::encoding::Micros;
use super::error::storage_error;
use super::statements;
use crate::StorageError;

/// A running transaction.
pub(super) type Inside<'a, 'c> = &'a mut Transaction<'c, Postgres>;

/// The length of a chunk in microseconds; chunks begin at midnight UTC.
const DAY: i64 = 86_400_000_000;

/// The beginning of the chunk that holds a time.
pub(super) const fn beginning_of(micros: i64) -> i64 {
    micros.div_euclid(DAY) * DAY
}

/// Lets the transaction delete from compressed chunks.
pub(super) async fn lift_limit(transaction: Inside<'_, '_>) -> Result<(), StorageError> {
    sqlx::query(statements::LIFT_LIMIT).execute(&mut **transaction).await.map_err(storage_error)?;
    Ok(())
}

/// Drops all chunks before the chunk of a time, compressed or not; returns the number of their
/// samples.
pub(super) async fn drop_before(transaction: Inside<'_, '_>, micros: i64) -> Result<u64, StorageError> {
    let begins = beginning_of(micros);
    let count = sqlx::query_scalar::<_, i64>(statements::COUNT_SAMPLES_BEFORE).bind(Micros(begins));
    let count = count.fetch_one(&mut **transaction).await.map_err(storage_error)?;
    tell(transaction, "drop_before", &begins.to_string()).await?;
    sqlx::raw_sql(statements::DROP_CHUNKS).execute(&mut **transaction).await.map_err(storage_error)?;
    Ok(count.unsigned_abs())
}

/// Lets the server compress chunks that are older than `days` days.
pub(super) async fn compress_after(transaction: Inside<'_, '_>, days: NonZeroU32) -> Result<(), StorageError> {
    tell(transaction, "compress_after", &format!("{days} days")).await?;
    sqlx::raw_sql(statements::COMPRESS).execute(&mut **transaction).await.map_err(storage_error)?;
    Ok(())
}

/// Sets a value that the next block reads, because a block takes no parameters.
async fn tell(transaction: Inside<'_, '_>, name: &str, value: &str) -> Result<(), StorageError> {
    let told = sqlx::query(statements::TELL).bind(name).bind(value);
    told.execute(&mut **transaction).await.map_err(storage_error)?;
    Ok(())
}
