//! The listener under clients that mean no good.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::*;

/// Connections of the attack, of all kinds together.
const ATTACK: usize = 5_000;
/// Longest the page of somebody else may take, while it goes on.
const PAGE: Duration = Duration::from_secs(1);
/// The answer nobody reads, bytes: more than the system's own buffers take.
const LARGE: usize = 16 * 1024 * 1024;

fn pages() -> Router {
    Router::new().fallback(|request: axum::extract::Request| async move {
        let path = request.uri().path().to_owned();
        match path.as_str() {
            "/page" => "the page".into_response(),
            "/large" => Bytes::from(vec![b'x'; LARGE]).into_response(),
            _ => {
                let read = axum::body::to_bytes(request.into_body(), 1024 * 1024).await;
                read.map_or(StatusCode::REQUEST_TIMEOUT, |_| StatusCode::OK).into_response()
            }
        }
    })
}

async fn from(source: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    socket.connect(to).await
}

/// The page as somebody at another address gets it.
async fn page(to: SocketAddr) {
    let asked = async {
        let mut stream = from(Ipv4Addr::new(127, 0, 0, 3), to).await.unwrap();
        stream.write_all(b"GET /page HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    };
    let text = timeout(PAGE, asked).await.expect("the page of another address comes in time");
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("the page"), "{text}");
}

/// S-80.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_hostile_connections_from_one_address_keep_nobody_else_from_a_page() {
    allow_files();
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()));
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(listen(listener, pages(), Arc::from([]), shutdown.clone()));
    page(to).await;
    let openings: [&[u8]; 4] = [
        b"",
        b"GET /page HTTP/1.1\r\nhost: x\r\nx-slow: ",
        b"POST /form HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nx",
        b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n",
    ];
    let mut held = Vec::with_capacity(ATTACK);
    for number in 0..ATTACK {
        let Ok(mut stream) = from(Ipv4Addr::new(127, 0, 0, 2), to).await else { continue };
        // Whoever has no place is cut off, perhaps before it said anything.
        let _ = stream.write_all(openings[number % openings.len()]).await;
        held.push(stream);
        if number % 250 == 0 {
            page(to).await;
        }
    }
    for _ in 0..20 {
        page(to).await;
    }
    let dripping = held.iter_mut().map(|stream| async move { stream.write_all(b"x").await.is_ok() });
    let alive = futures::future::join_all(dripping).await.into_iter().filter(|alive| *alive).count();
    assert!(alive > 0, "the attack goes on");
    page(to).await;
    shutdown.cancel();
    drop(held);
    server.await.unwrap();
}

/// Deadlines that come soon.
fn soon() -> Deadlines {
    let soon = Duration::from_millis(20);
    Deadlines { first_byte: soon, headers: soon, body: soon, stall: soon, untaken: soon, idle: soon }
}

/// The other end of a connection that the server works on.
fn connected() -> (tokio::io::DuplexStream, tokio::task::JoinHandle<()>) {
    let (client, server) = tokio::io::duplex(8 * 1024);
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    (client, tokio::spawn(serve_connection(server, peer, pages(), soon(), CancellationToken::new())))
}

#[tokio::test]
async fn no_client_keeps_a_connection_by_being_slow() {
    let preface: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    // An empty SETTINGS frame.
    let settings: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    let cases: [(&str, Vec<u8>); 7] = [
        ("silent", vec![]),
        ("half a head", b"GET /page HTTP/1.1\r\nhost".to_vec()),
        ("half a preface of HTTP/2", preface[..10].to_vec()),
        ("HTTP/2 without a request", [preface, settings].concat()),
        ("a body that does not come", b"POST /form HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nx".to_vec()),
        ("an answer that is not read", b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ("nothing after an answer", b"GET /page HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
    ];
    for (what, opening) in cases {
        let (mut client, server) = connected();
        client.write_all(&opening).await.unwrap();
        // Without a deadline each of these would stay for ever.
        assert!(timeout(Duration::from_secs(60), server).await.is_ok(), "{what}");
    }
}

#[tokio::test]
async fn a_body_that_drips_is_answered_with_a_timeout() {
    let (client, server) = connected();
    let (mut reader, mut writer) = tokio::io::split(client);
    writer.write_all(b"POST /form HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n").await.unwrap();
    let drip = tokio::spawn(async move {
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let mut head = vec![0; 12];
    reader.read_exact(&mut head).await.unwrap();
    assert_eq!(head, b"HTTP/1.1 408");
    drip.abort();
    drop(reader);
    server.await.unwrap();
}
