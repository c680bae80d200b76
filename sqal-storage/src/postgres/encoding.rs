//! The encodings of two PostgreSQL types: times in microseconds and ids of 16 bytes.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef, Postgres};
use sqlx::{Decode, Encode, Type};

// The numbers of built-in types are equal in every PostgreSQL (its pg_type.dat), so no server has
// to be asked.

/// 2000-01-01 in microseconds since 1970: PostgreSQL's epoch.
pub(super) const EPOCH: i64 = 946_684_800_000_000;

/// A `timestamptz` as microseconds since 1970; exact over the whole range, unlike floating-point
/// seconds.
///
/// The largest and the smallest number are `infinity` and `-infinity`, as in PostgreSQL's own
/// binary form.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Micros(pub(super) i64);

impl Type<Postgres> for Micros {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1184))
    }
}

impl PgHasArrayType for Micros {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1185))
    }
}

impl Encode<'_, Postgres> for Micros {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let since_2000 = match self.0 {
            i64::MAX | i64::MIN => self.0,
            micros => micros - EPOCH,
        };
        buffer.extend_from_slice(&since_2000.to_be_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Micros {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let since_2000 = i64::from_be_bytes(value.as_bytes()?.try_into()?);
        Ok(Self(since_2000.checked_add(EPOCH).ok_or("a time beyond all years")?))
    }
}

/// A `uuid`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Id(pub(super) [u8; 16]);

impl Type<Postgres> for Id {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(2950))
    }
}

impl PgHasArrayType for Id {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(2951))
    }
}

impl Encode<'_, Postgres> for Id {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Id {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(value.as_bytes()?.try_into()?))
    }
}
