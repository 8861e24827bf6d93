//! `GET /events`: one stream per browser that says which topics changed, since the page was made that listens (`since`) and from then on. Data are asked for again under the page's own rights.
//!
//! A stream ends with what let it in: the session or token, the account, the rights it had. That is asked for again when accounts change, which all of
//! these are told as, and with every sign of life, for what ends by time.

use std::convert::Infallible;
use std::time::Duration;

use app::error::{ApiError, ErrorKind};
use app::units::Moment;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::Stream;
use tokio::sync::broadcast::error::RecvError;
use tower_sessions::Session;

use super::Web;
use super::guard::refuse;
use crate::access::{Caller, Via};
use crate::events::Topic;
use crate::turns::{self, Turn};
use crate::{accounts, session};

/// A sign of life, and the moment at which the stream ends if its caller is no longer signed in.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream ends after this long; the browser opens another.
const LIFE: Duration = Duration::from_secs(60 * 60);
/// Waits this long for more changes before it tells of one, so that a busy job is not a flood.
const GATHER: Duration = Duration::from_millis(300);

/// The stream.
pub async fn stream(State(web): State<Web>, request: Request) -> Response {
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return refuse(ApiError::new(ErrorKind::SignedOut, "signed_out", app::accounts::refusals::Refusal::SignIn));
    };
    let Some(turn) = web.state.turns.try_take(caller.account_id, Turn::Stream) else { return refuse(turns::busy()) };
    let session = request.extensions().get::<Session>().cloned();
    let mut heard = web.state.events.subscribe();
    // Listened first, so that nothing falls between.
    let missed = made_at(request.uri()).map_or_else(|| vec![Topic::Resync], |made| web.state.events.since(made.0));
    let body = async_stream(move |tx| async move {
        let _turn = turn;
        let ends = tokio::time::Instant::now() + LIFE;
        let mut beat = tokio::time::interval(HEARTBEAT);
        beat.tick().await;
        for topic in missed {
            if topic != Topic::Work && tx.send(Event::default().event("change").data(topic.name())).await.is_err() {
                return;
            }
        }
        while tokio::time::Instant::now() < ends {
            let mut topics = Vec::new();
            tokio::select! {
                // Who is gone makes room for another at once.
                () = tx.closed() => return,
                () = web.state.events.ended() => return,
                _ = beat.tick() => {
                    if !still_let_in(&web, &caller, session.as_ref()).await {
                        return;
                    }
                    if tx.send(Event::default().comment("alive")).await.is_err() {
                        return;
                    }
                }
                first = heard.recv() => {
                    match first {
                        Ok(topic) => topics.push(topic),
                        Err(RecvError::Lagged(_)) => topics.push(Topic::Resync),
                        Err(RecvError::Closed) => return,
                    }
                    tokio::time::sleep(GATHER).await;
                    while let Ok(topic) = heard.try_recv() {
                        if !topics.contains(&topic) {
                            topics.push(topic);
                        }
                    }
                }
            }
            let rights = topics.iter().any(|topic| matches!(topic, Topic::Accounts | Topic::Resync));
            if rights && !still_let_in(&web, &caller, session.as_ref()).await {
                return;
            }
            for topic in topics {
                if topic != Topic::Work && tx.send(Event::default().event("change").data(topic.name())).await.is_err() {
                    return;
                }
            }
        }
    });
    Sse::new(body).into_response()
}

/// When the page was made that listens, as it says: what changed before is in it.
fn made_at(uri: &Uri) -> Option<Moment> {
    let mut pairs = url::form_urlencoded::parse(uri.query()?.as_bytes());
    pairs.find(|(name, _)| name == "since").and_then(|(_, at)| Moment::parse(&at))
}

async fn still_let_in(web: &Web, caller: &Caller, session: Option<&Session>) -> bool {
    let Some(session) = session else { return false };
    let pool = &web.state.pool;
    let now = match caller.via {
        Via::Token { id, .. } => accounts::caller_of_token_id(pool, id).await,
        Via::Session => {
            let Some(id) = session.id() else { return false };
            session::caller::find(pool, &id).await.map(|used| used.map(|used| used.caller().0))
        }
    };
    matches!(now, Ok(Some(now)) if now.is_like(caller))
}

/// A stream fed by a task; at most 16 events wait.
fn async_stream<F, Fut>(feed: F) -> impl Stream<Item = Result<Event, Infallible>>
where
    F: FnOnce(tokio::sync::mpsc::Sender<Event>) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    use futures::StreamExt as _;
    let (tx, rx) = tokio::sync::mpsc::channel(16);
    tokio::spawn(feed(tx));
    tokio_stream::wrappers::ReceiverStream::new(rx).map(Ok)
}
