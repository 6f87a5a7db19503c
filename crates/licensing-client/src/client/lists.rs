//! Requests about what the vendor looks through.

use licensing_wire::json::{
    ContainerList, OrderList, SearchAnswer, SearchRequest, StatisticsAnswer, UnfinishedList,
};

use crate::client::{ServerClient, encoded};
use crate::http::ClientError;

/// Filters of a list by the names of the interface, without those that are not asked for.
pub type Filters = Vec<(&'static str, String)>;

fn with_filters(path: &str, filters: &Filters, after: Option<&str>) -> String {
    let mut path = path.to_owned();
    let after = after.map(|after| ("after", after.to_owned()));
    for (at, (name, value)) in filters.iter().chain(after.as_ref()).enumerate() {
        let mark = if at == 0 { '?' } else { '&' };
        path.push_str(&format!("{mark}{name}={}", encoded(value)));
    }
    path
}

impl ServerClient {
    /// A page of orders, after the order `after`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn orders(&self, filters: &Filters, after: Option<&str>) -> Result<OrderList, ClientError> {
        self.get(&with_filters("/api/v1/orders", filters, after))
    }

    /// A page of containers, after the container `after`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn containers(&self, filters: &Filters, after: Option<&str>) -> Result<ContainerList, ClientError> {
        self.get(&with_filters("/api/v1/containers", filters, after))
    }

    /// A page of transfers whose receipt has not arrived, after the one `after`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn transfers(&self, filters: &Filters, after: Option<&str>) -> Result<UnfinishedList, ClientError> {
        self.get(&with_filters("/api/v1/transfers", filters, after))
    }

    /// Everything that has an id like a text.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn search(&self, text: &str) -> Result<SearchAnswer, ClientError> {
        self.post("/api/v1/search", &SearchRequest { text: text.to_owned() }, None)
    }

    /// How much happened day by day, and what is open.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn statistics(&self, filters: &Filters) -> Result<StatisticsAnswer, ClientError> {
        self.get(&with_filters("/api/v1/statistics", filters, None))
    }
}
