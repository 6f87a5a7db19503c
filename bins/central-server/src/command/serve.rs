//! `serve`: from a data folder to a listening server, and back to nothing when told to stop.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use licensing_core::ids::FirmCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::command::{Home, init, settings};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::database::Database;
use crate::http::{self, App};
use crate::keys;
use crate::metrics::Metrics;
use crate::served::Served;
use crate::service::Service;
use crate::system::{Clock as _, SystemClock, SystemEntropy};

/// The firm code for trying things out.
const EVALUATION_FIRM_CODE: u32 = 6_000_010;

pub(super) fn run(home: &Home, listen: Option<SocketAddr>, config: Option<&Path>) -> anyhow::Result<()> {
    let data = &home.data();
    let config = settings(data, config)?;
    let place = home.place(&config)?;
    if !data.is_initialised() {
        // Invariant: the code is not zero.
        let firm_code = FirmCode::new(EVALUATION_FIRM_CODE).expect("a firm code");
        init::run(data, place.clone(), firm_code, "Evaluation vendor")?;
        let (path, token) = (data.path().display(), data.admin_token().display().to_string());
        eprintln!("initialised {path} with the evaluation firm code {firm_code}; API token: {token}");
    }
    log(&config)?;
    http::log_panics();
    let runtime = runtime()?;
    let database = Database::on(place, runtime.handle().clone());
    let service = service(data, &config, &database)?;
    let served = Served::at(data.served());
    let checked = runtime.block_on(served.begin(service.store()))?;
    let listen = listen.unwrap_or(config.listen);
    runtime.block_on(async {
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let stop = stop_signal()?;
        let address = listener.local_addr()?;
        println!("listening on http://{address}");
        std::io::stdout().flush()?;
        tracing::info!(%address, "listening");
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "reachable from other computers without TLS: tickets and tokens can be read");
        }
        let app = App::new(Arc::clone(&service), config);
        let serving = async {
            tokio::join!(app.tell_webhooks(), http::serve(Arc::clone(&app), listener, stop));
        };
        tokio::select! {
            error = served.keep(service.store(), checked) => return Err(error),
            () = serving => {}
        }
        tracing::info!("stopped");
        served.at_end(service.store()).await
    })
}

/// Threads for connections, and as many for cryptography: more would only take the processors from each other.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .max_blocking_threads(threads.max(2))
        .enable_all()
        .build()
}

fn log(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(format!("warn,central_server={}", config.log.level))?;
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init()
        .map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}

/// The services over an initialised data folder; issuing keys that end soon are replaced.
///
/// # Errors
/// Keys or database are missing, damaged, or of another version.
pub fn service(data: &DataDir, config: &Config, database: &Database) -> anyhow::Result<Arc<Service>> {
    let now = SystemClock.now();
    let mut ring = keys::load(&data.keys())?;
    let (before, days) = (config.issuing.rotate_before_days, config.issuing.certificate_days);
    match keys::rotate_due(&data.keys(), &ring, before, days, now, &mut SystemEntropy::default()) {
        Ok(rotated) if rotated.is_empty() => {}
        Ok(rotated) => {
            for (firm_code, epoch) in rotated {
                tracing::info!(%firm_code, epoch, "issuing key replaced before its end");
            }
            ring = keys::load(&data.keys())?;
        }
        // The firm key may be kept elsewhere; the issuing key still works until its end.
        Err(error) => tracing::warn!(error = format!("{error:#}"), "an issuing key ends soon"),
    }
    let store = database.open_to_serve()?;
    let metrics = Arc::new(Metrics::new(now));
    let service = Service::new(store, ring, config.rules()?, Arc::new(SystemClock), metrics);
    let service = service.with_mail(config.mail.mailer(data.path())?);
    Ok(Arc::new(service.with_limits(config.edition_limits.over(config.edition)?)))
}

/// Ready when the process is asked to stop.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
