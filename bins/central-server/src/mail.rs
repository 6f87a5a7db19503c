//! Mail to customers: one message to one address, handed to the vendor's own mail server. Why by our own few lines of
//! SMTP and not by a library is in ADR 22.

mod address;
mod message;
mod settings;
mod smtp;
mod text;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use licensing_core::time::Timestamp;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

pub use address::{Address, Mailbox};
pub use settings::MailSettings;
pub use text::{LANGUAGES, MailText, is_note, language, mail_text};

use message::Envelope;

/// Whether what is said to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    /// From the first byte.
    Immediate,
    /// Before anything is said that matters, or nothing is.
    Required,
    /// Where the mail server offers it.
    Opportunistic,
    /// Never; only on this computer.
    None,
}

/// Why a mail was not sent, in words that hold neither password nor ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsent {
    /// The mail server is away, slow or busy.
    Away(String),
    /// The mail server and the settings do not fit: no TLS, no trust, no login.
    Unsuitable(String),
    /// The mail server does not take this mail.
    Refused(String),
    /// It was handed over, and the answer is missing.
    Unknown,
}

/// Hands mail to a mail server.
pub struct Mailer {
    host: String,
    port: u16,
    security: Security,
    login: Option<(String, Zeroizing<String>)>,
    from: Mailbox,
    reply_to: Option<Address>,
    timeout: Duration,
    /// Made when it is first used: to read the certificates takes longer than to start the server.
    tls: OnceLock<Result<TlsConnector, String>>,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mailer({}:{})", self.host, self.port)
    }
}

impl Mailer {
    /// What is after the `@` of whom mail is from.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.from.address.domain()
    }

    /// Sends a text to somebody. `id` names the message; the same one is the same message.
    ///
    /// # Errors
    /// It was not sent, or it is not known whether it was.
    pub async fn send(&self, to: &Address, text: &MailText, id: &str, now: Timestamp) -> Result<(), Unsent> {
        let envelope = Envelope { from: &self.from, reply_to: self.reply_to.as_ref(), to };
        let message = message::message(envelope, text, id, now);
        let handed_over = AtomicBool::new(false);
        let sending = smtp::deliver(self, to, &message, &handed_over);
        let sent = tokio::time::timeout(self.timeout, sending).await.unwrap_or_else(|_| {
            let secs = self.timeout.as_secs();
            Err(Unsent::Away(format!("the mail server did not answer within {secs} s")))
        });
        match sent {
            Err(Unsent::Away(_)) if handed_over.load(Ordering::Relaxed) => Err(Unsent::Unknown),
            sent => sent,
        }
    }
}
