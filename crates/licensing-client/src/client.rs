//! The server's JSON interface, a method for each request.

mod events;
mod life;
mod lists;

pub use life::LicenseSearch;
pub use lists::Filters;

use std::net::IpAddr;
use std::sync::Arc;

use hyper::Method;
use licensing_wire::json::{
    ContainerAnswer, History, ItemAnswer, ItemList, ItemRequest, OrderAnswer, OrderMail, OrderMailAnswer,
    OrderMailRequest, OrderRequest, ReceiptAnswer, ReceiptFile, ReceiptRequest, TemplateAnswer, TicketAnswer,
    TicketRequest, TokenAnswer, TokenList, TokenRequest, TransferAnswer, TransferRequest,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::http::{Call, ClientError, Http, Settings};

/// A central server.
///
/// # Security
/// Tickets travel in request bodies and tokens in a header, never in an address.
#[derive(Clone)]
pub struct ServerClient {
    http: Arc<Http>,
    forwarded_for: Option<IpAddr>,
}

impl ServerClient {
    /// A server at an address like `http://127.0.0.1:8080`, without a token (for customers) or with one (for
    /// the vendor).
    ///
    /// # Errors
    /// [`ClientError::BadAddress`].
    pub fn new(address: &str, token: Option<String>) -> Result<Self, ClientError> {
        Self::with(address, token, Settings::default())
    }

    /// As [`ServerClient::new`], with other time-outs.
    ///
    /// # Errors
    /// [`ClientError::BadAddress`].
    pub fn with(address: &str, token: Option<String>, settings: Settings) -> Result<Self, ClientError> {
        Ok(Self { http: Arc::new(Http::new(address, token, settings)?), forwarded_for: None })
    }

    /// The same server, asked on behalf of a client of ours: a server that trusts this program as a proxy counts the
    /// request as that client's.
    #[must_use]
    pub fn on_behalf_of(&self, client: Option<IpAddr>) -> Self {
        Self { http: Arc::clone(&self.http), forwarded_for: client }
    }

    /// Passes a JSON message on as it is and gives the answer as it is. Sent again only with a key.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn pass_on(&self, path: &str, body: Vec<u8>, key: Option<&str>) -> Result<Vec<u8>, ClientError> {
        self.send(Method::POST, path, Some(body), key)
    }

    /// The same for a request without a message.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn fetch(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        self.send(Method::GET, path, None, None)
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        key: Option<&str>,
    ) -> Result<Vec<u8>, ClientError> {
        let forwarded_for = self.forwarded_for;
        self.http.send(&Call { method, path, body, idempotency_key: key, forwarded_for })
    }

    fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        read(&self.send(Method::DELETE, path, None, None)?)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        read(&self.fetch(path)?)
    }

    fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        idempotency_key: Option<&str>,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::BadAnswer(error.to_string()))?;
        read(&self.pass_on(path, body, idempotency_key)?)
    }

    /// Creates an item.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn create_item(&self, item: &ItemRequest) -> Result<ItemAnswer, ClientError> {
        self.post("/api/v1/items", item, None)
    }

    /// An item.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn item(&self, id: &str) -> Result<ItemAnswer, ClientError> {
        self.get(&format!("/api/v1/items/{}", encoded(id)))
    }

    /// A page of items, after the item `after`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn items(&self, after: Option<&str>) -> Result<ItemList, ClientError> {
        match after {
            Some(after) => self.get(&format!("/api/v1/items?after={}", encoded(after))),
            None => self.get("/api/v1/items"),
        }
    }

    /// Creates an order. Sending the very same order again gives the same ticket.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn create_order(&self, order: &OrderRequest) -> Result<OrderAnswer, ClientError> {
        self.post("/api/v1/orders", order, None)
    }

    /// An order with its ticket.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn order(&self, id: &str) -> Result<OrderAnswer, ClientError> {
        self.get(&format!("/api/v1/orders/{}", encoded(id)))
    }

    /// The mail about an order, in a language.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn order_mail(&self, id: &str, language: &str) -> Result<OrderMail, ClientError> {
        self.get(&format!("/api/v1/orders/{}/mail?language={}", encoded(id), encoded(language)))
    }

    /// Sends the mail about an order. Under the same key it is sent once, however often it is asked for.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn mail_order(
        &self,
        id: &str,
        request: &OrderMailRequest,
        key: &str,
    ) -> Result<OrderMailAnswer, ClientError> {
        self.post(&format!("/api/v1/orders/{}/mail", encoded(id)), request, Some(key))
    }

    /// What is on a ticket; with `all` also what there is nothing more to do with.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn ticket(&self, ticket: &str, all: bool) -> Result<TicketAnswer, ClientError> {
        self.post("/api/v1/tickets/show", &TicketRequest { ticket: ticket.to_owned(), all }, None)
    }

    /// The template of a vendor.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn template(&self, firm_code: u32) -> Result<TemplateAnswer, ClientError> {
        self.get(&format!("/api/v1/templates/{firm_code}"))
    }

    /// Activates licenses. The same key gives the same answer, however often it is sent.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn activate(&self, request: &TransferRequest, key: &str) -> Result<TransferAnswer, ClientError> {
        self.post("/api/v1/activations", request, Some(key))
    }

    /// Returns licenses. The same key gives the same answer, however often it is sent.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn deactivate(&self, request: &TransferRequest, key: &str) -> Result<TransferAnswer, ClientError> {
        self.post("/api/v1/deactivations", request, Some(key))
    }

    /// Uploads a receipt. A receipt may be sent any number of times.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn receipt(&self, request: &ReceiptRequest, key: &str) -> Result<ReceiptAnswer, ClientError> {
        self.post("/api/v1/receipts", request, Some(key))
    }

    /// A kept receipt, by the hash of its context.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn receipt_file(&self, hash: &str) -> Result<ReceiptFile, ClientError> {
        self.get(&format!("/api/v1/receipts/{}", encoded(hash)))
    }

    /// A container as the server knows it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn container(&self, serial: &str) -> Result<ContainerAnswer, ClientError> {
        self.get(&format!("/api/v1/containers/{}", encoded(serial)))
    }

    /// Events about a `license`, `container` or `order`, after a place in the log.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn history(&self, about: Option<(&str, &str)>, after: u64) -> Result<History, ClientError> {
        match about {
            Some((what, id)) => self.get(&format!("/api/v1/history?{what}={}&after={after}", encoded(id))),
            None => self.get(&format!("/api/v1/history?after={after}")),
        }
    }

    /// Makes an API token.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn create_token(&self, request: &TokenRequest) -> Result<TokenAnswer, ClientError> {
        self.post("/api/v1/tokens", request, None)
    }

    /// All API tokens.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn tokens(&self) -> Result<TokenList, ClientError> {
        self.get("/api/v1/tokens")
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes).map_err(|error| ClientError::BadAnswer(error.to_string()))
}

/// Percent-encodes what is not unreserved (RFC 3986).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_encoded_for_addresses() {
        assert_eq!(super::encoded("O-1/ä b"), "O-1%2F%C3%A4%20b");
    }
}
