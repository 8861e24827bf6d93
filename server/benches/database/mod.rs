//! A database of its own for what is measured.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Connections of the pool.
const CONNECTIONS: u32 = 8;

/// With a database of its own on the Postgres that `DATABASE_URL` names, which is dropped afterwards.
pub async fn with_database<T>(measure: impl AsyncFnOnce(PgPool) -> Result<T, Failure>) -> Result<T, Failure> {
    let url = std::env::var("DATABASE_URL").map_err(|_| "DATABASE_URL names the Postgres to measure on")?;
    let options: PgConnectOptions = url.parse()?;
    let name = format!("breakwater_bench_{}", uuid::Uuid::new_v4().simple());
    let mut maker = PgConnection::connect_with(&options).await?;
    sqlx::query(AssertSqlSafe(format!("create database {name}"))).execute(&mut maker).await?;
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_with(options.database(&name)).await?;
    let measured = measure(pool.clone()).await;
    pool.close().await;
    sqlx::query(AssertSqlSafe(format!("drop database {name} with (force)"))).execute(&mut maker).await?;
    measured
}
