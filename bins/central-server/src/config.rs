//! `central.toml`: every setting with its unit and default. [`SAMPLE`] documents them and is what `init` writes.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use anyhow::Context as _;
use licensing_core::crypto::sign::PublicKey;
use licensing_core::terms::Tolerance;
use licensing_core::token::Role;
use licensing_core::work::{SELECTION_RULES, SelectionRule};
use licensing_wire::{binary, options};
use serde::Deserialize;

use crate::database::DatabaseUrl;
use crate::edition::{Edition, EditionLimits};
use crate::mail::MailSettings;
use crate::service::{FourEyes, Rules, SessionRules};
use crate::webhooks::{Network, Sender};

/// The documented file with every default.
pub const SAMPLE: &str = include_str!("config/central.toml");

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Address under which clients reach the server; empty for what each request says.
    pub public_url: String,
    /// How much the server does, and by which ways.
    pub edition: Edition,
    /// What of its limits is otherwise.
    pub edition_limits: EditionLimits,
    /// The database.
    pub database: Database,
    /// Bounds on requests.
    pub limits: Limits,
    /// Bounds per network address.
    pub rate: Rate,
    /// Who tells of client certificates.
    pub client_certificates: ClientCertificates,
    /// Which containers are served.
    pub containers: Containers,
    /// What new act licenses start from.
    pub templates: Templates,
    /// What goes along with an activation.
    pub activation: Activation,
    /// Restoring act licenses.
    pub restore: Restore,
    /// Who signs in.
    pub users: Users,
    /// Sessions of users.
    pub sessions: Sessions,
    /// What needs two people.
    pub four_eyes: TwoPeople,
    /// Validity of issuing keys.
    pub issuing: Issuing,
    /// Telling events to other programs.
    pub webhooks: Webhooks,
    /// Mail to customers.
    pub mail: MailSettings,
    /// Logging.
    pub log: Log,
}

/// The database.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `postgres://...`; empty for the file in the data folder.
    pub url: DatabaseUrl,
}

/// Bounds on requests.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest body, in bytes.
    pub body_bytes: usize,
    /// Largest request line with all headers, in bytes.
    pub header_bytes: usize,
    /// Requests worked on at once.
    pub requests: usize,
    /// Connections open at once.
    pub connections: usize,
    /// Seconds for a request to arrive and be answered.
    pub request_timeout_secs: u64,
    /// Seconds for the headers of a request to arrive.
    pub header_timeout_secs: u64,
    /// Seconds that unfinished requests get when the server stops.
    pub shutdown_timeout_secs: u64,
}

/// Bounds per network address (IPv6: per /64).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rate {
    /// Requests without an API token, per minute; 0 for no bound.
    pub requests_per_minute: u32,
    /// Mistyped and unknown tickets, per minute; 0 for no bound.
    pub ticket_failures_per_minute: u32,
    /// Reverse proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
}

/// Who tells of client certificates.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientCertificates {
    /// Reverse proxies that verify client certificates, and whose `Client-Cert` is believed.
    pub trusted_proxies: Vec<IpAddr>,
}

/// Which containers are served.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Containers {
    /// Whether containers on simulated host traits are served.
    pub accept_test_containers: bool,
    /// Whether emulated dongles are served.
    pub accept_emulated_dongles: bool,
    /// Public keys of dongle makers, 64 hexadecimal digits each.
    pub trusted_makers: Vec<String>,
}

/// What new act licenses start from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Templates {
    /// Hardware tolerance where no license demands another.
    pub tolerance: String,
}

/// What goes along with an activation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Activation {
    /// `free`, `all` or `older`.
    pub selection: String,
}

/// Restoring act licenses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Restore {
    /// How similar two computers must be, from 0 to 100.
    pub similarity: u32,
}

/// Who signs in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Users {
    /// Words of roles that nobody uses without a second factor.
    pub second_factor_required: Vec<String>,
}

/// Sessions of users.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// Hours after which a user has to sign in again, however much he does.
    pub hours: u32,
    /// Minutes without a request after which a session ends.
    pub idle_minutes: u32,
}

/// What needs two people.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TwoPeople {
    /// Grants of re-activations.
    pub reactivations: bool,
    /// Orders with more licenses than this; 0 for no order.
    pub order_quantity: u32,
    /// Hours for which the limit also holds for all that one user takes of one item.
    pub window_hours: u32,
}

impl Default for TwoPeople {
    fn default() -> Self {
        Self { reactivations: false, order_quantity: 0, window_hours: 24 }
    }
}

/// Validity of issuing keys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Issuing {
    /// Validity of a new issuing key, in days.
    pub certificate_days: u32,
    /// Days before its end at which an issuing key is replaced.
    pub rotate_before_days: u32,
}

/// Telling events to other programs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// Networks events may be sent to although they are private; without TLS only there.
    pub allowed_networks: Vec<String>,
    /// Seconds for a receiver to answer.
    pub timeout_secs: u64,
    /// Seconds between attempts with one event.
    pub retry_secs: Vec<u64>,
    /// Days after which a receiver that takes nothing is disabled; 0 for never.
    pub disable_after_days: u32,
}

/// Logging.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7870)),
            public_url: String::new(),
            edition: Edition::HighAvailability,
            edition_limits: EditionLimits::default(),
            database: Database::default(),
            limits: Limits::default(),
            rate: Rate::default(),
            client_certificates: ClientCertificates::default(),
            containers: Containers::default(),
            templates: Templates::default(),
            activation: Activation::default(),
            restore: Restore::default(),
            users: Users::default(),
            sessions: Sessions::default(),
            four_eyes: TwoPeople::default(),
            issuing: Issuing::default(),
            webhooks: Webhooks::default(),
            mail: MailSettings::default(),
            log: Log::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 512 * 1024,
            header_bytes: 32 * 1024,
            requests: 512,
            connections: 4096,
            request_timeout_secs: 30,
            header_timeout_secs: 10,
            shutdown_timeout_secs: 30,
        }
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self { requests_per_minute: 60_000, ticket_failures_per_minute: 30, trusted_proxies: Vec::new() }
    }
}

impl Default for Containers {
    fn default() -> Self {
        Self { accept_test_containers: true, accept_emulated_dongles: true, trusted_makers: Vec::new() }
    }
}

impl Default for Activation {
    fn default() -> Self {
        Self { selection: "free".to_owned() }
    }
}

impl Default for Restore {
    fn default() -> Self {
        Self { similarity: 60 }
    }
}

impl Default for Templates {
    fn default() -> Self {
        Self { tolerance: "medium".to_owned() }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self { hours: 12, idle_minutes: 30 }
    }
}

impl Default for Issuing {
    fn default() -> Self {
        Self { certificate_days: 365, rotate_before_days: 30 }
    }
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            allowed_networks: Vec::new(),
            timeout_secs: 15,
            retry_secs: vec![5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400],
            disable_after_days: 10,
        }
    }
}

impl Webhooks {
    fn networks(&self) -> anyhow::Result<Vec<Network>> {
        let read = |text: &String| {
            text.parse().map_err(|why| anyhow::anyhow!("webhooks.allowed_networks: {text}: {why}"))
        };
        self.allowed_networks.iter().map(read).collect()
    }

    fn check(&self) -> anyhow::Result<()> {
        self.networks()?;
        anyhow::ensure!((1..=60).contains(&self.timeout_secs), "webhooks.timeout_secs must be from 1 to 60");
        let sound = |pause: &u64| (1..=604_800).contains(pause);
        anyhow::ensure!(
            (1..=50).contains(&self.retry_secs.len()) && self.retry_secs.iter().all(sound),
            "webhooks.retry_secs must be 1 to 50 numbers from 1 to 604800"
        );
        Ok(())
    }

    /// What sends to receivers, within these bounds.
    #[must_use]
    pub fn sender(&self) -> Sender {
        // What was read was checked; a network that is none is allowed nothing.
        Sender::new(self.networks().unwrap_or_default(), std::time::Duration::from_secs(self.timeout_secs))
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned() }
    }
}

impl Config {
    /// Reads and checks a text.
    ///
    /// # Errors
    /// Not TOML, an unknown setting, or a value out of its range; the message names it.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let config: Self = toml::from_str(text).map_err(|error| located(text, &error))?;
        if !config.database.url.is_empty() {
            config.database.url.settings().context("database.url")?;
        }
        anyhow::ensure!(
            config.public_url.is_empty() || is_url(&config.public_url),
            "public_url must be an address like https://licenses.example"
        );
        config.tolerance()?;
        config.selection()?;
        config.makers()?;
        config.session_rules()?;
        config.webhooks.check()?;
        config.mail.check(config.limits.request_timeout_secs)?;
        config.edition_limits.over(config.edition)?;
        let limits = &config.limits;
        let in_range = [
            ("limits.body_bytes", (1024..=64 << 20).contains(&limits.body_bytes)),
            ("limits.header_bytes", (8192..=1 << 20).contains(&limits.header_bytes)),
            ("limits.requests", (1..=100_000).contains(&limits.requests)),
            ("limits.connections", (1..=1_000_000).contains(&limits.connections)),
            ("limits.request_timeout_secs", (1..=3600).contains(&limits.request_timeout_secs)),
            ("limits.header_timeout_secs", (1..=3600).contains(&limits.header_timeout_secs)),
            ("limits.shutdown_timeout_secs", (1..=3600).contains(&limits.shutdown_timeout_secs)),
            ("four_eyes.window_hours", (1..=8760).contains(&config.four_eyes.window_hours)),
            ("restore.similarity", (1..=100).contains(&config.restore.similarity)),
            ("sessions.hours", (1..=168).contains(&config.sessions.hours)),
            ("sessions.idle_minutes", (2..=1440).contains(&config.sessions.idle_minutes)),
            ("issuing.certificate_days", (2..=3650).contains(&config.issuing.certificate_days)),
            (
                "issuing.rotate_before_days",
                config.issuing.rotate_before_days < config.issuing.certificate_days,
            ),
        ];
        for (name, ok) in in_range {
            anyhow::ensure!(ok, "{name} is out of its range; the comments of a fresh central.toml tell it");
        }
        let levels = ["error", "warn", "info", "debug", "trace"];
        anyhow::ensure!(
            levels.contains(&config.log.level.as_str()),
            "log.level must be error, warn, info, debug or trace"
        );
        Ok(config)
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// As [`Config::parse`], or the file cannot be read.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    /// The tolerance of templates.
    ///
    /// # Errors
    /// Another word.
    pub fn tolerance(&self) -> anyhow::Result<Tolerance> {
        options::parse_tolerance(&self.templates.tolerance)
            .map_err(|error| anyhow::anyhow!("templates.{error}"))
    }

    /// What goes along with an activation.
    ///
    /// # Errors
    /// Another word.
    pub fn selection(&self) -> anyhow::Result<SelectionRule> {
        let known = SELECTION_RULES.iter().find(|(_, word)| *word == self.activation.selection);
        let unknown = || anyhow::anyhow!("activation.selection: expected free, all or older");
        known.map(|(rule, _)| *rule).ok_or_else(unknown)
    }

    /// The rules of the services.
    ///
    /// # Errors
    /// As of what they are made of.
    pub fn rules(&self) -> anyhow::Result<Rules> {
        Ok(Rules {
            accept_test_containers: self.containers.accept_test_containers,
            makers: self.makers()?,
            tolerance: self.tolerance()?,
            selection: self.selection()?,
            restore_similarity: self.restore.similarity,
            sessions: self.session_rules()?,
            four_eyes: self.four_eyes(),
        })
    }

    /// How long sessions last, and what they need.
    ///
    /// # Errors
    /// A word that is no role.
    pub fn session_rules(&self) -> anyhow::Result<SessionRules> {
        let Sessions { hours, idle_minutes } = self.sessions;
        let role = |word: &String| {
            let unknown = || anyhow::anyhow!("users.second_factor_required: {word} is no role");
            Role::from_name(word).ok_or_else(unknown)
        };
        Ok(SessionRules {
            longest_secs: u64::from(hours) * 3600,
            idle_secs: u64::from(idle_minutes) * 60,
            factor_required: self.users.second_factor_required.iter().map(role).collect::<Result<_, _>>()?,
        })
    }

    /// What needs two people.
    #[must_use]
    pub fn four_eyes(&self) -> FourEyes {
        let TwoPeople { reactivations, order_quantity, window_hours } = self.four_eyes;
        let order_quantity = Some(order_quantity).filter(|limit| *limit > 0);
        FourEyes { reactivations, order_quantity, window_secs: u64::from(window_hours) * 3600 }
    }

    /// The keys of the dongle makers to trust.
    ///
    /// # Errors
    /// A key is malformed or weak.
    pub fn makers(&self) -> anyhow::Result<Vec<PublicKey>> {
        let mut makers = Vec::new();
        if self.containers.accept_emulated_dongles {
            makers.push(licensing_core::trust::emulator_maker().public_key());
        }
        for text in &self.containers.trusted_makers {
            makers.push(key(text).context("containers.trusted_makers holds a malformed or weak key")?);
        }
        Ok(makers)
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let sound = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/[]".contains(&b);
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(sound))
}

/// What is wrong and where, without the line itself: it may hold a password.
fn located(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let line =
        error.span().map_or(1, |span| text.get(..span.start).unwrap_or(text).matches('\n').count() + 1);
    anyhow::anyhow!("line {line}: {}", error.message())
}

fn key(hex: &str) -> anyhow::Result<PublicKey> {
    Ok(PublicKey::new(binary::from_hex(hex)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run with `--nocapture` to see what belongs there.
    #[test]
    fn the_reference_shows_this_file() {
        let (page, reference) =
            (include_str!("../../../docs/configuration.md"), licensing_testkit::settings::reference(SAMPLE));
        assert!(page.contains(&reference), "docs/configuration.md must contain:\n{reference}");
    }

    #[test]
    fn the_sample_states_every_default() {
        assert_eq!(Config::parse(SAMPLE).unwrap(), Config::default());
        // Every setting the program knows is in the sample: without its lines nothing is left but tables.
        let mut value: toml::Table = SAMPLE.parse().unwrap();
        let debug = format!("{:?}", Config::default());
        for name in ["body_bytes", "trusted_proxies", "accept_test_containers", "tolerance", "level"] {
            assert!(debug.contains(name));
        }
        let settings = value.iter_mut().map(|(_, v)| v.as_table().map_or(1, toml::Table::len)).sum::<usize>();
        assert_eq!(settings, debug.matches(": ").count() - 16, "as many settings as fields");
    }

    #[test]
    fn a_password_in_a_wrong_line_is_not_repeated() {
        for text in [
            "listen = \"127.0.0.1:1\"\n[database]\nurl = \"postgres://u:s3cret@h/d",
            "listen = \"127.0.0.1:1\"\n[database]\nurl = postgres://u:s3cret@h/d",
            "listen = \"127.0.0.1:1\"\n[database]\nlru = \"postgres://u:s3cret@h/d\"",
            "listen = \"127.0.0.1:1\"\n[database]\nurl = \"mysql://u:s3cret@h/d\"",
        ] {
            let error = format!("{:#}", Config::parse(text).unwrap_err());
            assert!(!error.contains("s3cret"), "{error}");
            assert!(error.contains("line 3") || error.contains("database.url"), "{error}");
        }
        let config = Config::parse("[database]\nurl = \"postgres://u:s3cret@h/d\"").unwrap();
        assert!(!format!("{config:?}").contains("s3cret"));
    }

    #[test]
    fn unknown_and_impossible_settings_are_refused() {
        for text in [
            "lisen = \"127.0.0.1:1\"",
            "[limits]\nbody = 1",
            "public_url = \"licenses.example\"",
            "public_url = \"https://licenses.example/?x\"",
            "[limits]\nrequests = 0",
            "[templates]\ntolerance = \"none\"",
            "[containers]\ntrusted_makers = [\"00\"]",
            "[issuing]\nrotate_before_days = 365",
            "[log]\nlevel = \"loud\"",
            "[webhooks]\nallowed_networks = [\"10.0.0.1/8\"]",
            "[webhooks]\nretry_secs = []",
            "edition = \"huge\"",
            "[mail]\nhost = \"mail.example\"",
            "[edition_limits]\nsoap = \"maybe\"",
        ] {
            assert!(Config::parse(text).is_err(), "{text}");
        }
        let zero = format!("[containers]\ntrusted_makers = [\"{}\"]", "0".repeat(64));
        assert!(Config::parse(&zero).is_err(), "a weak key");
    }
}
