//! What a pool asks Postgres, read off the wire: whatever thread asks, and nothing of what other tests ask meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// Connections of the pool that is listened to.
const CONNECTIONS_MAX: u32 = 4;

/// A pool, and every statement it sent since somebody looked.
pub struct Statements {
    pub pool: PgPool,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Statements {
    /// Another pool for the same database, with somebody between the two.
    pub async fn of(pool: &PgPool) -> Self {
        let direct = PgConnectOptions::clone(&pool.connect_options());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&sent);
        let target = direct.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(between(client, target.clone(), Arc::clone(&seen)));
            }
        });
        let name = direct.get_database().unwrap().to_owned();
        let options = PgConnectOptions::new_without_pgpass()
            .host(&here.ip().to_string())
            .port(here.port())
            .username(direct.get_username())
            .database(&name)
            .ssl_mode(PgSslMode::Disable);
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).connect_with(options).await.unwrap();
        Self { pool, sent }
    }

    /// What was sent since the last time, in order.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }
}

async fn between(client: TcpStream, target: PgConnectOptions, sent: Arc<Mutex<Vec<String>>>) {
    let folder = target.get_socket().cloned().or_else(|| target.get_host().starts_with('/').then(|| target.get_host().into()));
    match folder {
        Some(folder) => {
            let socket = folder.join(format!(".s.PGSQL.{}", target.get_port()));
            pass(client, UnixStream::connect(socket).await.unwrap(), sent).await;
        }
        None => pass(client, TcpStream::connect((target.get_host(), target.get_port())).await.unwrap(), sent).await,
    }
}

async fn pass(client: TcpStream, server: impl AsyncRead + AsyncWrite, sent: Arc<Mutex<Vec<String>>>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let up = async {
        let mut known = Known::default();
        // The first message has no letter.
        let first = message(&mut from_client).await?;
        to_server.write_all(&first).await?;
        loop {
            let letter = from_client.read_u8().await?;
            let rest = message(&mut from_client).await?;
            sent.lock().unwrap().extend(known.read(letter, &rest[4..]));
            to_server.write_u8(letter).await?;
            to_server.write_all(&rest).await?;
        }
    };
    let down = tokio::io::copy(&mut from_server, &mut to_client);
    tokio::select! {
        ended = up => { let _: std::io::Result<()> = ended; }
        _ = down => {}
    }
}

/// Length and content.
async fn message(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut whole = length.to_be_bytes().to_vec();
    whole.resize(usize::try_from(length).unwrap(), 0);
    from.read_exact(&mut whole[4..]).await?;
    Ok(whole)
}

/// Prepared statements of a connection, and which one a portal runs.
#[derive(Default)]
struct Known {
    statements: HashMap<String, String>,
    portals: HashMap<String, String>,
}

impl Known {
    /// The statement that a message runs, if it runs one.
    fn read(&mut self, letter: u8, content: &[u8]) -> Option<String> {
        let mut texts = content.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned());
        let mut next = || texts.next().unwrap_or_default();
        match letter {
            b'Q' => return Some(plain(&next())),
            b'P' => {
                let (name, text) = (next(), next());
                self.statements.insert(name, plain(&text));
            }
            b'B' => {
                let (portal, statement) = (next(), next());
                self.portals.insert(portal, self.statements.get(&statement).cloned().unwrap_or_default());
            }
            b'E' => return self.portals.get(&next()).cloned(),
            _ => {}
        }
        None
    }
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[sqlx::test]
async fn every_statement_is_seen_once_with_its_text(pool: PgPool) {
    let statements = Statements::of(&pool).await;
    for _ in 0..2 {
        let one: i32 = sqlx::query_scalar("select  $1::int").bind(7).fetch_one(&statements.pool).await.unwrap();
        assert_eq!(one, 7);
    }
    let mut tx = statements.pool.begin().await.unwrap();
    sqlx::raw_sql("create table t ()").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(statements.take(), ["select $1::int", "select $1::int", "BEGIN", "create table t ()", "COMMIT"]);
    assert!(statements.take().is_empty());
}
