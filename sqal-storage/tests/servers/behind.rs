//! [`behind`]: a connection of the driver into the schema of a store, past the store.

use sqal_storage::postgres::PostgresConfig;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::variable;

/// A connection into the schema of a store.
pub(crate) async fn behind(config: &PostgresConfig) -> PgConnection {
    let shown = format!("{config:?}");
    let schema = shown.split("schema: \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut connection = PgConnection::connect(&variable("SQAL_TEST_POSTGRES_URL")).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("SET search_path = {schema}"))).execute(&mut connection).await.unwrap();
    connection
}
