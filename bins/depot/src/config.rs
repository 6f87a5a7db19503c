//! `depot.toml`: every setting with its unit and default. [`SAMPLE`] documents them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use http_edge::Bounds;
use licensing_core::origin::Origin;
use serde::Deserialize;

/// The documented file with every default.
pub const SAMPLE: &str = include_str!("config/depot.toml");

/// Columns of the license overview.
pub const COLUMNS: [&str; 7] = ["name", "activated_on", "container", "status", "item", "order", "ordered_on"];

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// The portal's origin as browsers see it; empty for that of `listen`.
    pub origin: String,
    /// Address of the central server.
    pub central_server: String,
    /// Visitors.
    pub session: SessionSettings,
    /// Looks and texts.
    pub theme: ThemeSettings,
    /// What the portal allows.
    pub rules: RuleSettings,
    /// License runtimes.
    pub agent: AgentSettings,
    /// Bounds on requests.
    pub limits: Limits,
    /// Bounds per network address.
    pub rate: Rate,
    /// Logging.
    pub log: Log,
}

/// Visitors.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionSettings {
    /// Hours a visitor's tickets are remembered.
    pub hours: u32,
    /// File with the key that seals cookies; empty for a new one at every start.
    pub key_file: PathBuf,
    /// Tickets open at once.
    pub tickets: usize,
}

/// Looks and texts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThemeSettings {
    /// The theme's folder; empty for the one that is built in.
    pub folder: PathBuf,
    /// Language of visitors whose browser asks for none of the portal's.
    pub language: String,
}

/// What the portal allows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the settings")]
pub struct RuleSettings {
    /// All licenses of a ticket in one container.
    pub keep_ticket_together: bool,
    /// `free`, `all` or `older`.
    pub selection: Selection,
    /// Online transfers.
    pub allow_online: bool,
    /// Transfers by file.
    pub allow_offline: bool,
    /// De-activation.
    pub allow_return: bool,
    /// Re-activation.
    pub allow_reactivation: bool,
    /// Restoring containers.
    pub allow_restore: bool,
    /// Automatic updates without a ticket.
    pub allow_automatic_update: bool,
    /// Cancelling unfinished transfers.
    pub allow_cancel: bool,
    /// Applications through the gateway.
    pub allow_gateway: bool,
    /// Columns of the overview.
    pub columns: Vec<String>,
    /// What is to be entered before an activation.
    pub data: Vec<DataField>,
    /// Who is asked before an activation.
    pub check: CheckSettings,
}

/// What goes along with a selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Selection {
    /// Nothing.
    #[default]
    Free,
    /// All that are available and fit.
    All,
    /// All that are older than the newest selected one.
    Older,
}

/// A field of the data entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataField {
    /// Its name in what is sent.
    pub name: String,
    /// Its label by language.
    pub label: BTreeMap<String, String>,
    /// Whether it must not be empty.
    #[serde(default)]
    pub required: bool,
    /// Most characters.
    #[serde(default = "default_length")]
    pub max_length: usize,
}

const fn default_length() -> usize {
    200
}

/// Who is asked before an activation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckSettings {
    /// The address; empty when nobody is.
    pub url: String,
    /// Milliseconds the answer may take.
    pub timeout_ms: u64,
}

/// License runtimes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentSettings {
    /// Files with grants.
    pub grants: Vec<PathBuf>,
    /// Ports to try.
    pub ports: Vec<u16>,
}

/// Bounds on requests.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest form without a file, in bytes.
    pub form_bytes: usize,
    /// Largest upload, in bytes.
    pub upload_bytes: usize,
    /// Largest upload of pictures of QR codes, in bytes.
    pub picture_bytes: usize,
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
    /// Seconds that unfinished requests get when the depot stops.
    pub shutdown_timeout_secs: u64,
    /// Transfers remembered at once.
    pub transfers: usize,
    /// Bytes of their files.
    pub transfer_bytes: usize,
}

/// Bounds per network address (IPv6: per /64).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rate {
    /// Requests per minute; 0 for no bound.
    pub requests_per_minute: u32,
    /// Mistyped and unknown tickets per minute; 0 for no bound.
    pub ticket_failures_per_minute: u32,
    /// Reverse proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
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
            listen: SocketAddr::from(([127, 0, 0, 1], 7890)),
            origin: String::new(),
            central_server: "http://127.0.0.1:7870".to_owned(),
            session: SessionSettings::default(),
            theme: ThemeSettings::default(),
            rules: RuleSettings::default(),
            agent: AgentSettings::default(),
            limits: Limits::default(),
            rate: Rate::default(),
            log: Log::default(),
        }
    }
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { hours: 8, key_file: PathBuf::new(), tickets: 8 }
    }
}

impl Default for ThemeSettings {
    fn default() -> Self {
        Self { folder: PathBuf::new(), language: "en".to_owned() }
    }
}

impl Default for RuleSettings {
    fn default() -> Self {
        let columns = COLUMNS[..4].iter().map(|column| (*column).to_owned()).collect();
        Self {
            keep_ticket_together: false,
            selection: Selection::Free,
            allow_online: true,
            allow_offline: true,
            allow_return: true,
            allow_reactivation: true,
            allow_restore: true,
            allow_automatic_update: true,
            allow_cancel: true,
            allow_gateway: true,
            columns,
            data: Vec::new(),
            check: CheckSettings::default(),
        }
    }
}

impl Default for CheckSettings {
    fn default() -> Self {
        Self { url: String::new(), timeout_ms: 3000 }
    }
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self { grants: Vec::new(), ports: vec![7880, 7881, 7882] }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            form_bytes: 64 << 10,
            upload_bytes: 768 << 10,
            picture_bytes: 16 << 20,
            header_bytes: 32 << 10,
            requests: 256,
            connections: 2048,
            request_timeout_secs: 40,
            header_timeout_secs: 10,
            shutdown_timeout_secs: 30,
            transfers: 20_000,
            transfer_bytes: 64 << 20,
        }
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self { requests_per_minute: 600, ticket_failures_per_minute: 20, trusted_proxies: Vec::new() }
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
        let config: Self = toml::from_str(text)?;
        let limits = &config.limits;
        let in_range = [
            ("session.hours", (1..=24 * 30).contains(&config.session.hours)),
            ("session.tickets", (1..=32).contains(&config.session.tickets)),
            ("rules.check.timeout_ms", (100..=30_000).contains(&config.rules.check.timeout_ms)),
            ("limits.form_bytes", (4096..=1 << 20).contains(&limits.form_bytes)),
            ("limits.upload_bytes", (300 << 10..=8 << 20).contains(&limits.upload_bytes)),
            ("limits.picture_bytes", (1 << 20..=64 << 20).contains(&limits.picture_bytes)),
            ("limits.header_bytes", (8192..=1 << 20).contains(&limits.header_bytes)),
            ("limits.requests", (1..=10_000).contains(&limits.requests)),
            ("limits.connections", (1..=1_000_000).contains(&limits.connections)),
            ("limits.request_timeout_secs", (1..=3600).contains(&limits.request_timeout_secs)),
            ("limits.header_timeout_secs", (1..=3600).contains(&limits.header_timeout_secs)),
            ("limits.shutdown_timeout_secs", (1..=3600).contains(&limits.shutdown_timeout_secs)),
            ("limits.transfers", (100..=10_000_000).contains(&limits.transfers)),
            ("limits.transfer_bytes", (8 << 20..=64 << 30).contains(&limits.transfer_bytes)),
        ];
        for (name, ok) in in_range {
            ensure!(ok, "{name} is out of its range; `depot config sample` tells the defaults");
        }
        let rules = &config.rules;
        ensure!(rules.allow_online || rules.allow_offline, "rules: neither online nor offline is allowed");
        ensure!(!rules.columns.is_empty(), "rules.columns: the overview needs at least one column");
        for column in &rules.columns {
            ensure!(COLUMNS.contains(&column.as_str()), "rules.columns: {column} is none of {COLUMNS:?}");
        }
        for field in &rules.data {
            let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            ensure!(
                !field.name.is_empty() && field.name.chars().all(sound),
                "rules.data: the name of a field"
            );
            ensure!(!field.label.is_empty(), "rules.data: {} needs a label", field.name);
            ensure!((1..=2000).contains(&field.max_length), "rules.data: {}.max_length", field.name);
        }
        ensure!(
            rules.data.is_empty() || !rules.check.url.is_empty(),
            "rules.data: what is entered goes to rules.check.url, which is not set"
        );
        let levels = ["error", "warn", "info", "debug", "trace"];
        ensure!(levels.contains(&config.log.level.as_str()), "log.level must be one of {levels:?}");
        config.origin_at(config.listen)?;
        Ok(config)
    }

    /// Reads and checks a file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// As [`Config::parse`], or the file cannot be read.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut config = Self::parse(&text).with_context(|| format!("in {}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let paths = [&mut config.theme.folder, &mut config.session.key_file].into_iter();
        for path in paths.chain(&mut config.agent.grants) {
            if !path.as_os_str().is_empty() {
                *path = folder.join(&path);
            }
        }
        Ok(config)
    }

    /// The portal's origin when it listens at an address.
    ///
    /// # Errors
    /// Not an origin in its one spelling.
    pub fn origin_at(&self, address: SocketAddr) -> anyhow::Result<Origin> {
        let text = if self.origin.is_empty() {
            // Whoever listens on all addresses is behind a name, which has to be told.
            ensure!(
                address.ip().is_loopback(),
                "origin: the portal's address has to be set when it listens on {address}"
            );
            format!("http://{address}")
        } else {
            self.origin.clone()
        };
        Origin::new(text.strip_suffix(":80").unwrap_or(&text)).context("origin")
    }

    /// Bounds on connections.
    #[must_use]
    pub const fn bounds(&self) -> Bounds {
        Bounds {
            connections: self.limits.connections,
            header_timeout: Duration::from_secs(self.limits.header_timeout_secs),
            header_bytes: self.limits.header_bytes,
            shutdown_timeout: Duration::from_secs(self.limits.shutdown_timeout_secs),
        }
    }
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
        let value: toml::Table = SAMPLE.parse().unwrap();
        fn settings(table: &toml::Table) -> usize {
            table.values().map(|v| v.as_table().map_or(1, settings)).sum()
        }
        // The list of data fields is an example in the comments.
        let debug = format!("{:?}", Config::default());
        let tables = 8;
        assert_eq!(settings(&value) + 1 + tables, debug.matches(": ").count(), "as many settings as fields");
    }

    #[test]
    fn unknown_and_impossible_settings_are_refused() {
        for text in [
            "lisen = \"127.0.0.1:1\"",
            "[limits]\nrequests = 0",
            "[rules]\nselection = \"some\"",
            "[rules]\ncolumns = [\"price\"]",
            "[rules]\nallow_online = false\nallow_offline = false",
            "[[rules.data]]\nname = \"a\"\nlabel = { en = \"A\" }",
            "origin = \"https://portal.example/path\"",
            "listen = \"0.0.0.0:80\"",
        ] {
            assert!(Config::parse(text).is_err(), "{text}");
        }
    }
}
