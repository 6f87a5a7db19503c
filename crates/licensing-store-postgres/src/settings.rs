//! The connection string and what goes with it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// Connections a process opens at most, where the connection string does not say `pool_size`.
const POOL_SIZE: usize = 16;
/// Most connections a process may be told to open.
const POOL_SIZE_MAX: usize = 1_000;

/// A connection string that cannot be used. Nothing of the string is in the message: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the database URL cannot be used: {0}")]
pub struct InvalidUrl(String);

/// Where the database is and how to behave towards it.
///
/// # Security
/// Holds the password; `Debug` and `Display` show hosts, port, user and database only.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    pub(crate) config: Config,
    /// File with the certificates that are trusted; those of the system when absent.
    pub(crate) root_certificates: Option<PathBuf>,
    /// Connections opened at most.
    pub pool_size: usize,
    /// How long a request waits for a connection, be it that all are busy or that the database is away.
    pub patience: Duration,
    /// Longest run of one statement.
    pub statement_timeout: Duration,
    /// Longest wait for a lock.
    pub lock_timeout: Duration,
}

impl Settings {
    /// Reads `postgres://user:password@host:port,host:port/database?option=value`.
    ///
    /// Options are those of `tokio-postgres` (among them `connect_timeout`, `keepalives_idle` and
    /// `target_session_attrs`, which is `read-write` unless it is given) and these: `sslmode` = `disable` or
    /// `require` (`verify-ca` and `verify-full` mean the same: a certificate is always verified, with its name);
    /// without it, TLS is required unless all hosts are loopback addresses or sockets; `sslrootcert` = file with
    /// trusted certificates; `pool_size`, `pool_timeout`, `statement_timeout`, `lock_timeout` (whole seconds).
    ///
    /// # Errors
    /// Not such a string. The message names the option, never its value.
    pub fn parse(url: &str) -> Result<Self, InvalidUrl> {
        let (base, options) = url.split_once('?').map_or((url, ""), |(base, options)| (base, options));
        if !base.starts_with("postgres://") && !base.starts_with("postgresql://") {
            return Err(InvalidUrl("it does not begin with postgres://".to_owned()));
        }
        let mut own = Own::default();
        let mut passed = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            if !own.take(name, value)? {
                passed.push(option);
            }
        }
        let rest = if passed.is_empty() { base.to_owned() } else { format!("{base}?{}", passed.join("&")) };
        // The library's message may quote from the string.
        let mut config = Config::from_str(&rest)
            .map_err(|_| InvalidUrl("its form or one of its options is wrong".to_owned()))?;
        if config.get_hosts().is_empty() {
            return Err(InvalidUrl("it names no host".to_owned()));
        }
        if config.get_dbname().is_none() {
            return Err(InvalidUrl("it names no database".to_owned()));
        }
        if config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(3));
        }
        if config.get_application_name().is_none() {
            config.application_name("central-server");
        }
        if !passed.iter().any(|option| option.starts_with("keepalives_idle=")) {
            config.keepalives_idle(Duration::from_secs(30));
        }
        config.tcp_user_timeout(Duration::from_secs(15));
        let tls = own.tls.unwrap_or_else(|| !config.get_hosts().iter().all(is_local));
        config.ssl_mode(if tls { SslMode::Require } else { SslMode::Disable });
        Ok(Self {
            config,
            root_certificates: own.root_certificates,
            pool_size: own.pool_size,
            patience: own.patience,
            statement_timeout: own.statement_timeout,
            lock_timeout: own.lock_timeout,
        })
    }

    pub(crate) fn wants_tls(&self) -> bool {
        self.config.get_ssl_mode() != SslMode::Disable
    }
}

/// The options this crate adds.
struct Own {
    tls: Option<bool>,
    root_certificates: Option<PathBuf>,
    pool_size: usize,
    patience: Duration,
    statement_timeout: Duration,
    lock_timeout: Duration,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            tls: None,
            root_certificates: None,
            pool_size: POOL_SIZE,
            patience: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(15),
            lock_timeout: Duration::from_secs(5),
        }
    }
}

impl Own {
    /// Takes an option if it is one of these.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, InvalidUrl> {
        let wrong = || InvalidUrl(format!("the value of {name} is out of its range"));
        let secs = || match value.parse::<u64>() {
            Ok(secs @ 1..=3_600) => Ok(Duration::from_secs(secs)),
            _ => Err(wrong()),
        };
        match name {
            "sslmode" => match value {
                "disable" => self.tls = Some(false),
                "require" | "verify-ca" | "verify-full" => self.tls = Some(true),
                _ => return Err(InvalidUrl("sslmode must be disable, require or verify-full".to_owned())),
            },
            "sslrootcert" => {
                let path = percent_encoding::percent_decode_str(value).decode_utf8().map_err(|_| wrong())?;
                self.root_certificates = Some(PathBuf::from(path.as_ref()));
            }
            "pool_size" => {
                let size = value.parse().map_err(|_| wrong())?;
                self.pool_size = if (1..=POOL_SIZE_MAX).contains(&size) { size } else { return Err(wrong()) };
            }
            "pool_timeout" => self.patience = secs()?,
            "statement_timeout" => self.statement_timeout = secs()?,
            "lock_timeout" => self.lock_timeout = secs()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Whether a host is this computer, so that nothing can be listened to on the way.
fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.config;
        let ports = config.get_ports();
        let port = |at: usize| ports.get(at).or_else(|| ports.first()).copied().unwrap_or(5432);
        let host = |(at, host): (usize, &Host)| match host {
            Host::Tcp(name) => format!("{name}:{}", port(at)),
            #[cfg(unix)]
            Host::Unix(path) => format!("{}:{}", path.display(), port(at)),
        };
        let hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
        write!(f, "PostgreSQL database {} at {}", config.get_dbname().unwrap_or_default(), hosts.join(", "))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settings({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_defaults_are_safe() {
        let url = "postgres://me:s3cret@db1.example:5433,db2.example/licenses?pool_size=7&connect_timeout=2\
                   &sslrootcert=%2Fetc%2Fca.pem&lock_timeout=1";
        let settings = Settings::parse(url).unwrap();
        assert_eq!(settings.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(settings.config.get_hosts().len(), 2);
        assert!(settings.wants_tls());
        assert_eq!((settings.pool_size, settings.lock_timeout), (7, Duration::from_secs(1)));
        assert_eq!(settings.root_certificates, Some(PathBuf::from("/etc/ca.pem")));
        assert_eq!(settings.config.get_connect_timeout(), Some(&Duration::from_secs(2)));
        assert!(!Settings::parse("postgres://u@127.0.0.1/x").unwrap().wants_tls());
        assert!(!Settings::parse("postgres://u@%2Ftmp%2Fs/x").unwrap().wants_tls());
        assert!(!Settings::parse("postgres://u@db.example/x?sslmode=disable").unwrap().wants_tls());
        assert!(Settings::parse("postgres://u@127.0.0.1/x?sslmode=verify-full").unwrap().wants_tls());
    }

    #[test]
    fn passwords_are_never_shown() {
        let settings = Settings::parse("postgres://me:s3cret@db.example/licenses?password=s3cret").unwrap();
        let shown = format!("{settings} {settings:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("db.example:5432") && shown.contains("licenses"));
        for url in [
            "mysql://me:s3cret@h/d",
            "postgres://me:s3cret@h",
            "postgres:///d",
            "postgres://me:s3cret@h:s3cret/d",
            "postgres://me:s3cret@h/d?colour=s3cret",
            "postgres://me:s3cret@h/d?sslmode=s3cret",
            "postgres://me:s3cret@h/d?sslmode=prefer",
            "postgres://me:s3cret@h/d?pool_size=0",
            "postgres://me:s3cret@h/d?pool_size=s3cret",
            "postgres://me:s3cret@h/d?lock_timeout=0",
        ] {
            let error = Settings::parse(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}
