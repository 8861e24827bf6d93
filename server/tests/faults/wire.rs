//! A proxy in front of Postgres that cuts a connection when a transaction is committed.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_util::sync::CancellationToken;

/// Most that is remembered of one transaction.
const SEEN_BYTES_MAX: usize = 1 << 20;
/// The simple query, and the word with which Postgres says that it is done.
const COMMIT: &[u8] = b"COMMIT\0";

/// When the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Postgres never hears of the commit.
    Before,
    /// Postgres hears of it, and nobody waits for what it says.
    During,
    /// Postgres has said that it is done; nobody hears that.
    After,
}

/// What was ordered: the marker, and when to cut.
type Order = Mutex<Option<(Vec<u8>, Cut)>>;

/// The proxy.
pub struct Wire {
    port: u16,
    order: Arc<Order>,
    fired: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl Wire {
    /// In front of the socket in this folder.
    pub async fn before(folder: std::path::PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self {
            port: listener.local_addr().unwrap().port(),
            order: Arc::default(),
            fired: Arc::default(),
            stop: CancellationToken::new(),
        };
        let (order, fired, stop) = (Arc::clone(&wire.order), Arc::clone(&wire.fired), wire.stop.clone());
        tokio::spawn(async move {
            let accepted = async {
                while let Ok((client, _)) = listener.accept().await {
                    let Ok(server) = UnixStream::connect(folder.join(".s.PGSQL.5432")).await else { continue };
                    let (order, fired) = (Arc::clone(&order), Arc::clone(&fired));
                    tokio::spawn(relay(client, server, order, fired));
                }
            };
            stop.run_until_cancelled(accepted).await;
        });
        wire
    }

    /// How to reach Postgres through it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Cuts the connection of the next transaction in which `marker` was sent, at its commit.
    pub fn cut(&self, marker: &str, cut: Cut) {
        *self.order.lock().unwrap() = Some((marker.as_bytes().to_owned(), cut));
        self.fired.store(0, Ordering::SeqCst);
    }

    /// How often that happened since it was ordered.
    pub fn fired(&self) -> u64 {
        self.fired.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn has(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

async fn relay(client: TcpStream, server: UnixStream, order: Arc<Order>, fired: Arc<AtomicU64>) {
    // Set when the answer to a commit is to be kept back.
    let keep_back = Arc::new(AtomicBool::new(false));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let (mut chunk, mut seen) = (vec![0; 64 * 1024], Vec::new());
        while let Ok(n @ 1..) = from_client.read(&mut chunk).await {
            let sent = &chunk[..n];
            seen.extend_from_slice(sent);
            if has(sent, COMMIT) {
                let struck = order.lock().unwrap().take_if(|(marker, _)| has(&seen, marker)).map(|(_, cut)| cut);
                seen.clear();
                if struck.is_some() {
                    fired.fetch_add(1, Ordering::SeqCst);
                }
                match struck {
                    Some(Cut::Before) => break,
                    Some(Cut::During) => {
                        let _ = to_server.write_all(sent).await;
                        break;
                    }
                    Some(Cut::After) => keep_back.store(true, Ordering::SeqCst),
                    None => {}
                }
            }
            assert!(seen.len() < SEEN_BYTES_MAX, "a transaction of more than this test remembers");
            if to_server.write_all(sent).await.is_err() {
                break;
            }
        }
    };
    let down = async {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from_server.read(&mut chunk).await {
            if keep_back.load(Ordering::SeqCst) && has(&chunk[..n], COMMIT) {
                break;
            }
            if to_client.write_all(&chunk[..n]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}
