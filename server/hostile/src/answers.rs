//! A Harbor that answers every request with the same bytes, and a client that believes none of it.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use registry::{AddressRule, Client, Credential, Endpoint, Limits, Reference};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use vocab::{Digest, ProjectName, RepositoryName, Tag};

/// Rows of a listing looked at: far more than one body holds.
const ROWS_MAX: usize = 100_000;
/// Longest time one body may keep the client busy. It waits for nothing, so only an endless loop takes so long.
const BUSY_MAX: Duration = Duration::from_secs(60);
/// Largest head of a request.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Header lines and a body; in an input, the first empty line parts them.
struct Answer {
    head: Vec<u8>,
    body: Vec<u8>,
}

struct Stranger {
    runtime: Runtime,
    client: Client,
    answer: Arc<Mutex<Arc<Answer>>>,
}

static STRANGER: LazyLock<Stranger> = LazyLock::new(|| Stranger::new().expect("loopback and a runtime are there"));

impl Stranger {
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let answer = Arc::new(Mutex::new(Arc::new(Answer { head: Vec::new(), body: Vec::new() })));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = answer.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        let endpoint = Endpoint::new(&url, true, None, AddressRule { allow: vec!["127.0.0.0/8".parse()?] })?;
        let short = Duration::from_millis(1);
        let limits = Limits {
            retry_max: 1,
            retry_pause: short,
            retry_pause_max: short,
            retry_after_max: short,
            login_retry_pause: short,
            idle_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(5),
            ..Limits::default()
        };
        let credential = Credential { username: "admin".to_owned(), secret: "not-a-secret".to_owned().into() };
        let client = runtime.block_on(async { Client::new(endpoint, credential, limits) })?;
        Ok(Self { runtime, client, answer })
    }
}

/// Reads one request and answers it; then the next.
async fn serve(mut stream: TcpStream, answer: Arc<Mutex<Arc<Answer>>>) {
    let mut head = Vec::new();
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) if head.len() < HEAD_BYTES_MAX => head.push(byte),
                _ => return,
            }
        }
        let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let with_body = !head.starts_with(b"HEAD");
        let mut bytes = b"HTTP/1.1 200 OK\r\n".to_vec();
        bytes.extend_from_slice(&answer.head);
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", answer.body.len()).as_bytes());
        if with_body {
            bytes.extend_from_slice(&answer.body);
        }
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// Header lines that are text and do not part messages otherwise than told; the rest of the bytes is the body.
fn answer(bytes: &[u8]) -> Answer {
    let at = bytes.windows(2).position(|two| two == b"\n\n");
    let (head, body) = at.map_or((&b""[..], bytes), |at| (&bytes[..at], &bytes[at + 2..]));
    let mut lines = Vec::new();
    for line in head.split(|byte| *byte == b'\n') {
        let lower = line.to_ascii_lowercase();
        let is_framing =
            [&b"content-length"[..], b"transfer-encoding", b"connection", b"content-encoding"].iter().any(|n| lower.starts_with(n));
        if !is_framing && line.contains(&b':') && line.iter().all(|byte| (0x20..0x7f).contains(byte)) {
            lines.extend_from_slice(line);
            lines.extend_from_slice(b"\r\n");
        }
    }
    Answer { head: lines, body: body.to_vec() }
}

/// Every question the program asks of a Harbor, answered with these bytes: an answer, or an error, and an end.
pub(crate) fn answers(bytes: &[u8]) {
    let stranger = &*STRANGER;
    *stranger.answer.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(answer(bytes));
    let body = answer(bytes).body;
    let done = stranger.runtime.block_on(async { tokio::time::timeout(BUSY_MAX, ask(&stranger.client, &body)).await });
    done.expect("the questions come to an end");
}

async fn ask(client: &Client, body: &[u8]) {
    let project: ProjectName = "shop".parse().expect("a name");
    let repository: RepositoryName = "shop/web".parse().expect("a name");
    let tag: Tag = "1.0".parse().expect("a tag");
    let digest = Digest::of(b"something else");
    // A digest nobody computed here is never believed.
    assert!(client.manifest_get(&repository, &digest).await.is_err(), "these bytes are not what was asked for");
    if let Ok(found) = client.manifest_get(&repository, &Digest::of(body)).await {
        assert_eq!(found.bytes.as_ref(), body, "as received");
    }
    if let Ok(Some(found)) = client.manifest_get_by_tag(&repository, &tag).await {
        assert_eq!(Digest::of(&found.bytes), found.digest, "hashed here");
    }
    let blob = client.blob_get(&repository, &digest, None).map(|piece| piece.is_err()).collect::<Vec<bool>>().await;
    assert!(blob.contains(&true), "these bytes are not what was asked for");
    let _ = client.blob_head(&repository, &digest).await;
    let _ = client.manifest_head(&repository, &Reference::Tag(tag)).await;
    let _ = client.prove_login().await;
    let _ = client.system_info().await;
    let _ = client.health().await;
    let _ = client.configurations().await;
    let _ = client.gc_history().await;
    let _ = client.newest_audit(registry::AuditLog::Extended, 0).await;
    let _ = client.audit_changes(registry::AuditLog::Old, 0, 1_000).await;
    let _ = client.permissions("/project/shop").await;
    let _ = client.projects().await;
    let _ = client.projects_at_once(10).await;
    let _ = client.repositories(&project).await;
    let _ = client.newest_repositories(time::OffsetDateTime::UNIX_EPOCH).await;
    let _ = client.tag_names(&repository).await;
    let _ = client.referrers(&repository, &digest).await;
    let _ = client.accessories(&repository, &digest).await;
    let _ = client.artifact(&repository, &Reference::Digest(digest)).await;
    let _ = client.members(&project).await;
    let _ = client.immutable_rules(&project).await;
    let _ = client.labels(None).await;
    let _ = client.project_quota(&project).await;
    if let Ok(Some(found)) = client.project(&project).await {
        let _ = client.retention(&found).await;
    }
    assert!(client.artifacts(&project, None).take(ROWS_MAX).count().await < ROWS_MAX);
    assert!(client.repository_artifacts(&repository).take(ROWS_MAX).count().await < ROWS_MAX);
}
