//! What every request shares.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Context as _;
use http_edge::Gate;
use http_pages::Texts;
use licensing_client::{ClientError, ServerClient, Settings};
use licensing_core::format::origin_grant::VerifiedGrant;
use licensing_core::limits::GRANT_BYTES_MAX;
use licensing_core::origin::Origin;
use licensing_wire::binary::from_base64url;
use licensing_wire::problem::Problem;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::desk::Desk;
use crate::rules::Rules;
use crate::session::Keeper;
use crate::system;
use crate::text::BUILT_IN;
use crate::theme::Theme;
use crate::trouble::{Trouble, trouble};

/// Uploads of pictures at once: they are what is largest.
const PICTURES_AT_ONCE: usize = 8;
/// Pictures decoded at once: each may take some hundred megabytes.
const DECODERS: usize = 2;

/// A grant to talk to license runtimes.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The firm code.
    pub firm_code: u32,
    /// As pages hand it on.
    pub text: String,
}

/// The portal.
#[derive(Debug)]
pub struct App {
    /// The settings.
    pub config: Config,
    /// The address browsers know the portal by.
    pub origin: Origin,
    /// The portal's rules.
    pub rules: Rules,
    /// Texts.
    pub texts: Arc<Texts>,
    /// Looks.
    pub theme: Theme,
    /// Visitors.
    pub keeper: Keeper,
    /// Transfers.
    pub desk: Desk,
    /// Bounds per client.
    pub gate: Gate,
    /// Grants, one for each firm code.
    pub grants: Vec<Grant>,
    /// Requests at once.
    pub requests: Arc<Semaphore>,
    /// Uploads of pictures at once.
    pub pictures: Arc<Semaphore>,
    /// Pictures decoded at once.
    pub decoders: Semaphore,
    server: Server,
}

struct Server(ServerClient);

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Server(..)")
    }
}

impl App {
    /// A portal with settings, known to browsers by an origin.
    ///
    /// # Errors
    /// Theme, texts, grants or keys are not what they must be; the message names the file.
    pub fn new(config: Config, origin: Origin) -> anyhow::Result<Arc<Self>> {
        let agent = concat!("depot/", env!("CARGO_PKG_VERSION"));
        let patience = Settings { attempts: 3, agent, ..Settings::default() };
        let server = ServerClient::with(&config.central_server, None, patience).context("central_server")?;
        let texts = (!config.theme.folder.as_os_str().is_empty()).then(|| config.theme.folder.join("texts"));
        let grants = config.agent.grants.iter().map(|file| grant(file, &origin)).collect::<Result<_, _>>()?;
        Ok(Arc::new(Self {
            rules: Rules::new(config.rules.clone())?,
            texts: Arc::new(
                Texts::new(BUILT_IN, texts.as_deref(), &config.theme.language).context("theme.language")?,
            ),
            theme: Theme::new(&config.theme.folder)?,
            keeper: Keeper::new(&config.session.key_file, config.session.hours)?,
            desk: Desk::new(config.limits.transfers, config.limits.transfer_bytes),
            gate: Gate::new(config.rate.requests_per_minute, config.rate.ticket_failures_per_minute),
            grants,
            pictures: Arc::new(Semaphore::new(PICTURES_AT_ONCE)),
            decoders: Semaphore::new(DECODERS),
            requests: Arc::new(Semaphore::new(config.limits.requests)),
            server: Server(server),
            origin,
            config,
        }))
    }

    /// The grant for a firm code; for 0 the first one.
    #[must_use]
    pub fn grant(&self, firm_code: u32) -> Option<&Grant> {
        self.grants.iter().find(|grant| firm_code == 0 || grant.firm_code == firm_code)
    }

    /// Asks the central server for a client, on a thread that may wait.
    ///
    /// # Errors
    /// The server's refusal, or that it cannot be reached.
    pub async fn ask<T, F>(&self, client: Option<IpAddr>, question: F) -> Result<T, Trouble>
    where
        T: Send + 'static,
        F: FnOnce(&ServerClient) -> Result<T, ClientError> + Send + 'static,
    {
        let server = self.server.0.on_behalf_of(client);
        let answer = tokio::task::spawn_blocking(move || question(&server)).await;
        match answer {
            Ok(answer) => answer.map_err(|error| {
                if let ClientError::Unreachable(reason) | ClientError::BadAnswer(reason) = &error {
                    tracing::error!(reason, "the central server does not answer as it should");
                    // Reasons name addresses of the inside, which are nobody's business.
                    return match error {
                        ClientError::Unreachable(_) => {
                            trouble("server_unreachable", "the central server cannot be reached")
                        }
                        _ => trouble(
                            "server_answer_invalid",
                            "the central server's answer cannot be understood",
                        ),
                    };
                }
                Box::new(error.problem())
            }),
            Err(error) => {
                tracing::error!(%error, "a question to the central server broke");
                Err(trouble("internal", "the portal failed"))
            }
        }
    }

    /// Lets a client in who sends tickets or files.
    ///
    /// # Errors
    /// He sends too many, or too many wrong ones.
    pub fn admit(&self, client: Option<IpAddr>) -> Result<(), Trouble> {
        self.gate.enter(client, system::now() * 1000).map_err(|wait| {
            let message =
                format!("too many requests from this address; there is room again in {wait} seconds");
            trouble("rate_limited", &message)
        })
    }

    /// Counts what was wrong about a request.
    pub fn count(&self, client: Option<IpAddr>, problem: &Problem) {
        if matches!(problem.code.as_str(), "ticket_mistyped" | "ticket_unknown") {
            self.gate.wrong_ticket(client, system::now() * 1000);
        }
    }
}

/// A grant out of its file, which must be one for this portal.
fn grant(file: &std::path::Path, origin: &Origin) -> anyhow::Result<Grant> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("agent.grants: cannot read {name}"))?;
    let text = text.trim().to_owned();
    let bytes = from_base64url(&text, GRANT_BYTES_MAX).with_context(|| format!("agent.grants: {name}"))?;
    let grant = VerifiedGrant::verify(&bytes, None).with_context(|| format!("agent.grants: {name}"))?;
    let now = licensing_core::time::Timestamp::from_secs(system::now());
    grant
        .applies(origin, now)
        .map_err(|refusal| anyhow::anyhow!("agent.grants: {name} is not for {origin} today: {refusal}"))?;
    Ok(Grant { firm_code: grant.grant().firm_code.get(), text })
}
