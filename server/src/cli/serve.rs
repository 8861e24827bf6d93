//! `serve` and `worker`: the same state, with a listener, with job slots, or with both.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{CliError, doctor, migrate_pool};
use crate::config::{DatabaseArgs, KeyArgs, OutsideArgs, ServeArgs, WorkerArgs};
use crate::http::assets::Assets;
use crate::http::port::Live;
use crate::http::{self, Web};
use crate::jobs::worker::{self, Settings};
use crate::state::{AppState, connect};
use crate::{session, telemetry};

/// Serves the console and the API.
#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    worker: WorkerArgs,
}

/// Works on jobs.
#[derive(Args)]
pub struct Worker {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    worker: WorkerArgs,
}

/// What a worker is told.
pub fn settings(args: &WorkerArgs) -> Settings {
    Settings { name: args.name(), jobs: usize::from(args.jobs), lease: Duration::from_secs(u64::from(args.lease_s)) }
}

/// `breakwater serve`.
pub async fn serve(args: Serve) -> Result<(), CliError> {
    telemetry::start();
    let ring = args.key.ring()?;
    let public_url = args.serve.public_url();
    let pool = connect(&args.database.url()?).await?;
    migrate_pool(&pool).await?;
    let state = AppState::new(pool, ring, args.outside.allow_net.clone(), public_url.clone());
    warn_of_closed_secrets(&state).await?;
    if public_url.scheme() == "http" && !args.serve.listen.ip().is_loopback() {
        tracing::warn!("the console is served over plain http on a public address: put a proxy with TLS before it and set --public-url");
    }
    let listener = bind(args.serve.listen).await?;
    if let Some(token) = session::begin_bootstrap(&state.pool).await? {
        // The only time the token is seen; its hash alone is stored.
        eprintln!("no account exists yet; open {}setup and use this token once: {token}", with_slash(&public_url));
    }
    let shutdown = on_signal();
    let work = args.serve.with_worker.then(|| settings(&args.worker));
    run(state, listener, &args.serve.site(), args.serve.trusted_proxy.clone(), work, shutdown).await
}

fn with_slash(url: &url::Url) -> String {
    let text = url.to_string();
    if text.ends_with('/') { text } else { format!("{text}/") }
}

/// Takes the address, or says in one sentence why not.
pub async fn bind(listen: std::net::SocketAddr) -> Result<TcpListener, CliError> {
    TcpListener::bind(listen).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            CliError::Failed(format!("{listen} is taken by another program; choose another with --listen or --port"))
        }
        _ => CliError::Failed(format!("cannot listen on {listen}: {error}")),
    })
}

/// Serves until `shutdown`, with a worker in the same process if `work` says how.
pub async fn run(
    state: AppState,
    listener: TcpListener,
    site: &Path,
    trusted_proxies: Vec<std::net::IpAddr>,
    work: Option<Settings>,
    shutdown: CancellationToken,
) -> Result<(), CliError> {
    let assets = Assets::read(site).map_err(|error| {
        CliError::Failed(format!("cannot read the console's files in {}: {error}; name their folder with --site", site.display()))
    })?;
    if !assets.complete() {
        return Err(CliError::Failed(format!(
            "the console's style or script is missing in {}; build it with `cargo xtask site`",
            site.display()
        )));
    }
    let address = listener.local_addr().map_err(|e| CliError::Failed(e.to_string()))?;
    let web =
        Web { backend: Arc::new(Live { state: state.clone() }), state: state.clone(), assets, trusted_proxies: trusted_proxies.into() };
    let forward = tokio::spawn(state.events.clone().forward(state.pool.clone()));
    let tidy = tokio::spawn(keep_tidy(state.clone(), shutdown.clone()));
    let (events, stopped) = (state.events.clone(), shutdown.clone());
    tokio::spawn(async move {
        stopped.cancelled().await;
        events.end();
    });
    let working = work.map(|settings| tokio::spawn(worker::run(state.clone(), settings, shutdown.clone())));
    tracing::info!(listen = %address, public.url = %state.public_url, "console is ready");
    let trusted = Arc::clone(&web.trusted_proxies);
    http::serve::listen(listener, http::router(web), trusted, shutdown).await;
    if let Some(working) = working {
        let _ = working.await;
    }
    forward.abort();
    tidy.abort();
    state.pool.close().await;
    Ok(())
}

/// `breakwater worker`.
pub async fn worker(args: Worker) -> Result<(), CliError> {
    telemetry::start();
    let ring = args.key.ring()?;
    let pool = connect(&args.database.url()?).await?;
    migrate_pool(&pool).await?;
    let here = url::Url::parse("http://localhost").map_err(|e| CliError::Failed(e.to_string()))?;
    let state = AppState::new(pool, ring, args.outside.allow_net.clone(), here);
    warn_of_closed_secrets(&state).await?;
    let shutdown = on_signal();
    let forward = tokio::spawn(state.events.clone().forward(state.pool.clone()));
    worker::run(state.clone(), settings(&args.worker), shutdown).await;
    forward.abort();
    state.pool.close().await;
    Ok(())
}

/// Says which stored secrets the key does not open. It starts all the same: they can be entered again.
async fn warn_of_closed_secrets(state: &AppState) -> Result<(), CliError> {
    for secret in doctor::closed_secrets(state).await? {
        tracing::error!(secret, "a stored secret does not open: is this the key of before, and all of it?");
    }
    Ok(())
}

/// Ended sessions are swept, and the audit chain is verified once a day.
async fn keep_tidy(state: AppState, shutdown: CancellationToken) {
    let mut hour = tokio::time::interval(Duration::from_secs(3_600));
    let store = session::store::PgStore::new(state.pool.clone());
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = hour.tick() => {}
        }
        if let Err(error) = store.sweep().await {
            tracing::warn!(error = %crate::error::chain(&error), "cannot sweep ended sessions");
        }
        if let Err(error) = session::throttle::sweep(&state.pool).await {
            tracing::warn!(error = %crate::error::chain(&error), "cannot sweep counts of failed sign-ins");
        }
        let due = crate::audit::seal(&state.pool)
            .await
            .is_ok_and(|(_, last)| last.is_none_or(|(at, _)| time::OffsetDateTime::now_utc() - at.0 > time::Duration::days(1)));
        if due {
            match crate::audit::verify_pool(&state.pool, &crate::audit::Actor::system("nightly check")).await {
                Ok(check) if check.broken.is_some() => tracing::error!(audit.broken = ?check.broken, "the audit chain is broken"),
                Ok(_) => {}
                Err(error) => tracing::warn!(error = %crate::error::chain(&error), "cannot verify the audit chain"),
            }
        }
    }
}

/// Cancelled by SIGINT or SIGTERM; a second signal ends the process at once.
pub fn on_signal() -> CancellationToken {
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else { return };
        let mut signals = 0;
        loop {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            signals += 1;
            if signals == 1 {
                cancel.cancel();
            } else {
                std::process::exit(130);
            }
        }
    });
    token
}
