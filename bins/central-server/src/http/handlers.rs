//! What runs behind each route: reads the message, calls the service.

pub(super) mod events;
pub(super) mod lists;
pub(super) mod look;
pub(super) mod mail;
pub(super) mod pages;
pub(super) mod sessions;
pub(super) mod transfer;
pub(super) mod users;
pub(super) mod vendor;

use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use axum::body::Bytes;
use licensing_core::ids::InvalidId;
use licensing_core::time::Timestamp;
use licensing_wire::options;
use serde::de::DeserializeOwned;

use crate::http::{App, Authorized, body};
use crate::service::{Answer, Failure, Idempotency, PAGE_MAX};

const PAGE_DEFAULT: u32 = 100;

/// A request that was admitted and read.
pub(super) struct Call {
    pub(super) app: Arc<App>,
    pub(super) authorized: Authorized,
    pub(super) params: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Bytes,
    pub(super) idempotency_key: Option<String>,
    pub(super) route: &'static str,
    /// Where this server is for whoever asks, without a slash at the end.
    pub(super) base: String,
    /// What the client says it is.
    pub(super) agent: String,
}

/// What runs behind a route.
pub(super) type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>;

impl Call {
    /// The body as a message.
    fn message<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        body::message(&self.body)
    }

    /// The only path parameter.
    fn param<T: FromStr<Err = InvalidId>>(&self) -> Result<T, Failure> {
        Ok(self.text().parse()?)
    }

    /// The only path parameter, as it is.
    fn text(&self) -> &str {
        self.params.first().map(String::as_str).unwrap_or_default()
    }

    /// A query parameter, as it is.
    fn value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A query parameter.
    fn query<T: FromStr<Err = InvalidId>>(&self, name: &str) -> Result<Option<T>, Failure> {
        Ok(self.value(name).map(str::parse).transpose()?)
    }

    /// A query parameter that is one of these words.
    fn word<T: Copy>(&self, name: &str, words: &[(T, &str)]) -> Result<Option<T>, Failure> {
        let Some(value) = self.value(name) else { return Ok(None) };
        if let Some((found, _)) = words.iter().find(|(_, word)| *word == value) {
            return Ok(Some(*found));
        }
        let known: Vec<&str> = words.iter().map(|(_, word)| *word).collect();
        Err(Failure::denied("invalid_value", format!("{name}: expected {}", known.join(", "))))
    }

    /// A query parameter that is a number.
    fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        let number = self.value(name).map(str::parse).transpose();
        number.map_err(|_| Failure::denied("invalid_value", format!("{name}: expected a whole number")))
    }

    /// A query parameter that is `true` or `false`.
    fn choice(&self, name: &str) -> Result<Option<bool>, Failure> {
        let choice = self.value(name).map(str::parse).transpose();
        choice.map_err(|_| Failure::denied("invalid_value", format!("{name}: expected true or false")))
    }

    /// A query parameter that is `true` or `false`; false when absent.
    fn flag(&self, name: &str) -> Result<bool, Failure> {
        Ok(self.choice(name)?.unwrap_or(false))
    }

    /// A query parameter that is a day or a time.
    fn moment(&self, name: &'static str) -> Result<Option<Timestamp>, Failure> {
        let moment = self.value(name).map(|value| options::parse_begin(name, value)).transpose();
        moment.map_err(|_| {
            let message = format!("{name}: expected a day like 2030-01-31 or an RFC 3339 time");
            Failure::denied("invalid_value", message)
        })
    }

    /// Entries on a page.
    fn limit(&self) -> Result<u32, Failure> {
        let limit = self.number("limit")?.unwrap_or(u64::from(PAGE_DEFAULT));
        u32::try_from(limit).ok().filter(|limit| (1..=PAGE_MAX).contains(limit)).ok_or_else(|| {
            Failure::denied("invalid_value", format!("limit: expected a whole number from 1 to {PAGE_MAX}"))
        })
    }

    /// The client's key for this request, bound to a credential.
    fn idempotency(&self, credential: &[u8]) -> Option<Idempotency> {
        let key = self.idempotency_key.as_deref()?;
        Some(Idempotency::new(credential, key, self.route, &self.params, &self.body))
    }

    /// The same, for requests with an API token.
    fn vendor_idempotency(&self) -> Option<Idempotency> {
        self.authorized.credential().and_then(|credential| self.idempotency(&credential))
    }
}
