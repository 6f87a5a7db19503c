//! `[mail]` of `central.toml`.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::address::{Address, Mailbox, is_host};
use super::{Mailer, Security};
use crate::data_dir::is_private;

/// Port of mail servers that speak TLS from the first byte.
const PORT_WITH_TLS: u16 = 465;

/// By what mail is sent; nothing is without a host.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailSettings {
    /// Name or address of the mail server; empty to send no mail.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `required`, `opportunistic` or `none`.
    pub tls: String,
    /// User to log in as; empty for no login.
    pub user: String,
    /// File with the password.
    pub password_file: String,
    /// Whom mail is from.
    pub from: String,
    /// Where answers go; empty for whom mail is from.
    pub reply_to: String,
    /// Seconds until a mail must be handed over.
    pub timeout_secs: u64,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 587,
            tls: "required".to_owned(),
            user: String::new(),
            password_file: String::new(),
            from: String::new(),
            reply_to: String::new(),
            timeout_secs: 15,
        }
    }
}

impl MailSettings {
    fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    fn security(&self) -> anyhow::Result<Security> {
        match self.tls.as_str() {
            "required" if self.port == PORT_WITH_TLS => Ok(Security::Immediate),
            "required" => Ok(Security::Required),
            "opportunistic" => Ok(Security::Opportunistic),
            "none" => Ok(Security::None),
            _ => Err(anyhow::anyhow!("mail.tls: expected required, opportunistic or none")),
        }
    }

    /// # Errors
    /// A value is not of its form, or it would send what is secret where it can be read.
    pub(crate) fn check(&self, request_timeout_secs: u64) -> anyhow::Result<()> {
        let security = self.security()?;
        ensure!((1..=60).contains(&self.timeout_secs), "mail.timeout_secs must be from 1 to 60");
        if self.host.is_empty() {
            return Ok(());
        }
        ensure!(
            self.timeout_secs < request_timeout_secs,
            "mail.timeout_secs must be less than limits.request_timeout_secs"
        );
        ensure!(
            is_host(&self.host) || self.host.parse::<IpAddr>().is_ok(),
            "mail.host must be a name or an address"
        );
        ensure!(self.port > 0, "mail.port must not be 0");
        ensure!(
            Mailbox::new(&self.from).is_some(),
            "mail.from must be like Vendor <licenses@vendor.example>"
        );
        ensure!(
            self.reply_to.is_empty() || Address::new(&self.reply_to).is_some(),
            "mail.reply_to must be an address like licenses@vendor.example"
        );
        ensure!(
            self.user.is_empty() == self.password_file.is_empty(),
            "mail.user and mail.password_file belong together"
        );
        ensure!(!self.user.contains(char::is_control), "mail.user holds a control character");
        ensure!(
            security != Security::None || self.is_loopback(),
            "mail.tls may be none only where mail.host is localhost or a loopback address"
        );
        ensure!(
            self.user.is_empty() || security != Security::Opportunistic || self.is_loopback(),
            "a password is sent to another computer only with mail.tls = \"required\""
        );
        Ok(())
    }

    /// What sends mail; `None` where nothing is to be sent. `folder` is where relative paths begin.
    ///
    /// # Errors
    /// The password cannot be read, or others can read it too.
    pub fn mailer(&self, folder: &Path) -> anyhow::Result<Option<Mailer>> {
        let Some(from) = Mailbox::new(&self.from).filter(|_| !self.host.is_empty()) else { return Ok(None) };
        let login = if self.user.is_empty() {
            None
        } else {
            let path = folder.join(&self.password_file);
            ensure!(is_private(&path)?, "{} can be read by others; run chmod 600 on it", path.display());
            let text = std::fs::read_to_string(&path).map(Zeroizing::new);
            let text = text.with_context(|| format!("cannot read {}", path.display()))?;
            let password = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
            ensure!(
                !password.is_empty() && !password.contains(char::is_control),
                "{} must hold the password, in one line",
                path.display()
            );
            Some((self.user.clone(), password))
        };
        Ok(Some(Mailer {
            host: self.host.clone(),
            port: self.port,
            security: self.security()?,
            login,
            from,
            reply_to: Address::new(&self.reply_to),
            timeout: Duration::from_secs(self.timeout_secs),
            tls: std::sync::OnceLock::new(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(more: &str) -> anyhow::Result<()> {
        let text = format!("from = \"a@vendor.example\"\n{more}");
        let settings: MailSettings = toml::from_str(&text)?;
        settings.check(30)
    }

    #[test]
    fn nothing_secret_goes_in_the_clear_to_another_computer() {
        let login = "user = \"u\"\npassword_file = \"p\"\n";
        let none = "tls = \"none\"\n";
        let any = "tls = \"opportunistic\"\n";
        let there = "host = \"mail.example\"\n";
        for good in [
            there.to_owned(),
            format!("{there}{login}"),
            format!("{there}{any}"),
            format!("host = \"localhost\"\n{none}{login}"),
            format!("host = \"::1\"\n{any}{login}"),
            format!("host = \"127.0.0.1\"\n{none}"),
        ] {
            checked(&good).unwrap_or_else(|error| panic!("{good}: {error}"));
        }
        for bad in [
            format!("{there}{none}"),
            format!("host = \"10.0.0.1\"\n{none}"),
            format!("host = \"localhost.evil.example\"\n{none}"),
            format!("{there}{any}{login}"),
            format!("{there}user = \"u\"\n"),
            format!("{there}password_file = \"p\"\n"),
            format!("{there}reply_to = \"x\"\n"),
            format!("{there}timeout_secs = 30\n"),
            format!("{there}tls = \"yes\"\n"),
            "host = \"mail example\"\n".to_owned(),
        ] {
            assert!(checked(&bad).is_err(), "{bad}");
        }
        let nobody: MailSettings = toml::from_str("host = \"mail.example\"").unwrap();
        assert!(nobody.check(30).is_err(), "mail is from somebody");
    }
}
