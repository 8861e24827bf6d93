//! The database role that Breakwater runs as: made by the owner of the server, no superuser, and owner of its own database only.

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, Executor as _, PgConnection};
use url::Url;

use super::CliError;

/// Written on a role that was made here. One without it is somebody else's, and nothing of it is changed.
const MARK: &str = "made by breakwater migrate";

/// Makes role and database of `ours` where they are not there yet, as whoever `owner` is. The password of a role that was made so becomes that
/// of `ours`.
///
/// # Errors
/// [`CliError::Failed`] where the role is there and a superuser (it could do whatever Postgres can, and read every database), and where the
/// database is there and another's: a mistyped name takes nothing from anybody.
pub async fn prepare(owner: &SecretString, ours: &SecretString) -> Result<(), CliError> {
    let (role, password, database) = parts(ours)?;
    let failed =
        |error: sqlx::Error| CliError::Failed(format!("cannot prepare the database as its owner: {}", crate::error::chain(&error)));
    let options: PgConnectOptions = owner.expose_secret().parse().map_err(failed)?;
    let mut conn = PgConnection::connect_with(&options.application_name("breakwater")).await.map_err(failed)?;
    make_role(&mut conn, &role, password.expose_secret()).await.map_err(failed)?;
    if sqlx::query_scalar::<_, bool>("select rolsuper from pg_roles where rolname = $1")
        .bind(&role)
        .fetch_one(&mut conn)
        .await
        .map_err(failed)?
    {
        let why = format!("{role} is a superuser of Postgres; name a role of its own in the database URL");
        return Err(CliError::Failed(why));
    }
    let owned: Option<String> = sqlx::query_scalar("select pg_get_userbyid(datdba)::text from pg_database where datname = $1")
        .bind(&database)
        .fetch_optional(&mut conn)
        .await
        .map_err(failed)?;
    match owned {
        Some(other) if other != role => {
            let why = format!("the database {database} belongs to {other}, not to {role}; name one of its own in the database URL");
            return Err(CliError::Failed(why));
        }
        Some(_) => {}
        None => make_database(&mut conn, &role, &database).await.map_err(failed)?,
    }
    close_to_others(&mut conn, &database).await.map_err(failed)
}

/// Role, password and database of a URL.
fn parts(url: &SecretString) -> Result<(String, SecretString, String), CliError> {
    let lacks = |what: &str| CliError::Failed(format!("the database URL has no {what}, which the role to make needs"));
    let url = Url::parse(url.expose_secret()).map_err(|error| {
        let form = "it is postgres://user:password@host/database, where a password has %2F for / and so on";
        CliError::Failed(format!("the database URL cannot be read ({error}); {form}"))
    })?;
    let (role, database) = (plain(url.username()), plain(url.path().trim_start_matches('/')));
    let password = url.password().map(plain).filter(|text| !text.is_empty()).ok_or_else(|| lacks("password"))?;
    match (role.is_empty(), database.is_empty()) {
        (true, _) => Err(lacks("user")),
        (_, true) => Err(lacks("database")),
        _ => Ok((role, SecretString::from(password), database)),
    }
}

/// A part of a URL without its escapes.
fn plain(text: &str) -> String {
    let escaped = format!("v={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(escaped.as_bytes()).next().map(|(_, text)| text.into_owned()).unwrap_or_default()
}

async fn make_role(conn: &mut PgConnection, role: &str, password: &str) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    // The statement holds the password: neither it nor its failure goes to Postgres's log.
    tx.execute("set local log_statement = 'none'; set local log_min_error_statement = 'panic'; set local log_min_duration_statement = -1")
        .await?;
    let there: Option<Option<String>> = sqlx::query_scalar("select shobj_description(oid, 'pg_authid') from pg_roles where rolname = $1")
        .bind(role)
        .fetch_optional(&mut *tx)
        .await?;
    let verb = match there {
        None => "create",
        Some(mark) if mark.as_deref() == Some(MARK) => "alter",
        Some(_) => return Ok(()),
    };
    let sql: String =
        sqlx::query_scalar("select format($1 || ' role %I login nosuperuser nocreatedb nocreaterole noreplication password %L', $2, $3)")
            .bind(verb)
            .bind(role)
            .bind(password)
            .fetch_one(&mut *tx)
            .await?;
    tx.execute(sqlx::AssertSqlSafe(sql)).await?;
    let sql: String =
        sqlx::query_scalar("select format('comment on role %I is %L', $1, $2)").bind(role).bind(MARK).fetch_one(&mut *tx).await?;
    tx.execute(sqlx::AssertSqlSafe(sql)).await?;
    tx.commit().await
}

async fn make_database(conn: &mut PgConnection, role: &str, database: &str) -> sqlx::Result<()> {
    let sql: String =
        sqlx::query_scalar("select format('create database %I owner %I', $1, $2)").bind(database).bind(role).fetch_one(&mut *conn).await?;
    conn.execute(sqlx::AssertSqlSafe(sql)).await.map(|_| ())
}

/// What is in it is nobody else's business.
async fn close_to_others(conn: &mut PgConnection, database: &str) -> sqlx::Result<()> {
    let sql: String =
        sqlx::query_scalar("select format('revoke all on database %I from public', $1)").bind(database).fetch_one(&mut *conn).await?;
    conn.execute(sqlx::AssertSqlSafe(sql)).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;

    fn url(base: &Url, role: &str, password: &str, database: &str) -> SecretString {
        let mut url = base.clone();
        url.set_username(role).unwrap();
        url.set_password(Some(password)).unwrap();
        url.set_path(database);
        SecretString::from(url.to_string())
    }

    #[sqlx::test]
    async fn the_role_is_made_once_is_no_superuser_and_may_migrate_its_own_database(pool: PgPool) {
        let owner = std::env::var("DATABASE_URL").unwrap();
        let base = Url::parse(&owner).unwrap();
        let name = format!("bw_{}", uuid::Uuid::new_v4().simple());
        let owner = SecretString::from(owner);
        for password in ["one %/' two", "changed"] {
            let ours = url(
                &base,
                &name,
                &url::form_urlencoded::byte_serialize(password.as_bytes()).collect::<String>().replace('+', "%20"),
                &name,
            );
            prepare(&owner, &ours).await.unwrap();
            let ours = crate::state::connect(&ours).await.unwrap();
            super::super::migrate_pool(&ours).await.unwrap();
            let (may, databases): (bool, i64) = sqlx::query_as(
                "select rolsuper or rolcreatedb or rolcreaterole, (select count(*) from pg_database d where d.datdba = r.oid) from pg_roles r where rolname = current_user",
            )
            .fetch_one(&ours)
            .await
            .unwrap();
            assert_eq!((may, databases), (false, 1));
            ours.close().await;
        }
        let root: String = sqlx::query_scalar("select current_user::text").fetch_one(&pool).await.unwrap();
        let refused = prepare(&owner, &url(&base, &root, "x", &name)).await.unwrap_err().to_string();
        assert!(refused.contains("superuser"), "{refused}");
        // Another's role keeps its password, and another's database its owner.
        let theirs = format!("{name}_theirs");
        for sql in [format!("create role {theirs} login password 'theirs'"), format!("create database {theirs} owner {theirs}")] {
            pool.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
        }
        let password = "select rolpassword from pg_authid where rolname = $1";
        let before: String = sqlx::query_scalar(password).bind(&theirs).fetch_one(&pool).await.unwrap();
        let refused = prepare(&owner, &url(&base, &name, "changed", &theirs)).await.unwrap_err().to_string();
        assert!(refused.contains("belongs to"), "{refused}");
        prepare(&owner, &url(&base, &theirs, "mine", &theirs)).await.unwrap();
        let after: (String, String) = sqlx::query_as(
            "select rolpassword, (select pg_get_userbyid(datdba)::text from pg_database where datname = $1) from pg_authid where rolname = $1",
        )
        .bind(&theirs)
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!(after, (before, theirs.clone()));
        for sql in [format!("drop database {theirs} with (force)"), format!("drop role {theirs}")] {
            pool.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
        }
        for sql in [format!("drop database {name} with (force)"), format!("drop role {name}")] {
            pool.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
        }
        let incomplete = prepare(&owner, &SecretString::from("postgres://breakwater@db/breakwater".to_owned())).await.unwrap_err();
        assert!(incomplete.to_string().contains("no password"), "{incomplete}");
        let slashed = prepare(&owner, &SecretString::from("postgres://breakwater:x7/y@db/breakwater".to_owned())).await.unwrap_err();
        assert!(slashed.to_string().contains("%2F for /") && !slashed.to_string().contains("x7"), "{slashed}");
    }
}
