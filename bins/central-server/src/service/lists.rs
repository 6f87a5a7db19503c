//! What the vendor looks through. Each list is a message, of which the JSON interface makes an answer and the pages
//! make HTML.

use licensing_core::ids::{ActivationId, ContainerSerial, CustomerId, ItemId, LicenseId, OrderId};
use licensing_core::order::Order;
use licensing_core::refusal::Refusal;
use licensing_core::time::Timestamp;
use licensing_store::{
    ContainerQuery, FoundLicense, ItemQuery, LicenseQuery, OrderQuery, Page, TransferQuery,
    UnfinishedTransfer,
};
use licensing_wire::json::{
    ContainerList, ItemList, LicenseList, OrderList, OrderSummary, UnfinishedList, UnfinishedMessage,
};
use licensing_wire::time;

use crate::service::history::container_answer;
use crate::service::licenses::license_message;
use crate::service::{Failure, Service, cut};

/// Which orders to show. Several filters must all match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderFilter {
    /// Of this customer.
    pub customer: Option<CustomerId>,
    /// Placed at this moment or later.
    pub from: Option<Timestamp>,
    /// Placed before this moment.
    pub until: Option<Timestamp>,
    /// The last ones first.
    pub newest: bool,
    /// After this one.
    pub after: Option<OrderId>,
    /// At most so many.
    pub limit: u32,
}

impl Service {
    /// A page of orders, without their licenses and tickets.
    ///
    /// # Errors
    /// There is no order with the id the page is to begin after.
    pub async fn order_list(&self, filter: OrderFilter) -> Result<OrderList, Failure> {
        let after = match filter.after {
            None => None,
            Some(id) => {
                let order = self.store.order(id.clone()).await?.ok_or(Refusal::OrderUnknown(id))?;
                Some((order.created_at, order.id))
            }
        };
        let OrderFilter { customer, from, until, newest, limit, .. } = filter;
        let query = OrderQuery { customer, from, until, newest, after, limit: limit + 1 };
        let mut orders = self.store.find_orders(query).await?;
        let more = cut(&mut orders, limit);
        let next = orders.last().filter(|_| more).map(|order| order.id.to_string());
        Ok(OrderList { orders: orders.iter().map(order_summary).collect(), next })
    }

    /// A page of licenses. With filters that have no index of their own it may be shorter than asked for, and still
    /// have a next one.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn license_list(&self, query: LicenseQuery) -> Result<LicenseList, Failure> {
        Ok(license_list(self.store.find_licenses(query).await?))
    }

    /// A page of containers, without their firm items. `after` begins it after that container. With filters that
    /// have no index of their own it may be shorter than asked for, and still have a next one.
    ///
    /// # Errors
    /// There is no container with the serial the page is to begin after.
    pub async fn container_list(
        &self,
        mut query: ContainerQuery,
        after: Option<ContainerSerial>,
    ) -> Result<ContainerList, Failure> {
        if let Some(serial) = after {
            let container = self.store.container(serial).await?.ok_or(Refusal::ContainerUnknown(serial))?;
            query.after = Some((container.registered_at, serial));
        }
        let Page { entries, next } = self.store.list_containers(query).await?;
        let containers = entries.iter().map(|container| container_answer(container, &[])).collect();
        Ok(ContainerList { containers, next: next.map(|serial| serial.to_string()) })
    }

    /// A page of transfers whose receipt has not arrived, oldest first. `after` begins it after that activation.
    ///
    /// # Errors
    /// There is no activation with the id the page is to begin after.
    pub async fn unfinished_list(
        &self,
        mut query: TransferQuery,
        after: Option<ActivationId>,
    ) -> Result<UnfinishedList, Failure> {
        if let Some(id) = after {
            let unknown = || Failure::denied("invalid_value", "after: expected the next of the page before");
            let activation = self.store.activation(id).await?.ok_or_else(unknown)?;
            query.after = Some((activation.created_at, id));
        }
        let limit = query.limit;
        query.limit = limit + 1;
        let mut transfers = self.store.unfinished_transfers(query).await?;
        let more = cut(&mut transfers, limit);
        let next = transfers.last().filter(|_| more).map(|found| found.activation.id.to_string());
        Ok(UnfinishedList { transfers: transfers.iter().map(unfinished_message).collect(), next })
    }

    /// A page of items whose ids begin with a text, whether its letters are capital or small.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn item_list(
        &self,
        prefix: Option<ItemId>,
        after: Option<ItemId>,
        limit: u32,
    ) -> Result<ItemList, Failure> {
        let prefix = prefix.map(|prefix| prefix.to_string()).unwrap_or_default();
        let mut items = self.store.list_items(ItemQuery { prefix, after, limit: limit + 1 }).await?;
        let more = cut(&mut items, limit);
        let next = items.last().filter(|_| more).map(|item| item.definition.id.to_string());
        let items = items.iter().map(|item| self.item_answer(item)).collect::<Result<_, _>>()?;
        Ok(ItemList { items, next })
    }
}

/// A page of licenses as a message.
pub(super) fn license_list(page: Page<FoundLicense, LicenseId>) -> LicenseList {
    let message = |found: &FoundLicense| license_message(&found.line, found.customer.as_ref(), &[]);
    let licenses = page.entries.iter().map(message).collect();
    LicenseList { licenses, next: page.next.map(|id| id.to_string()) }
}

fn order_summary(order: &Order) -> OrderSummary {
    OrderSummary {
        order_id: order.id.to_string(),
        customer: order.customer.as_ref().map(ToString::to_string),
        comment: order.comment.to_string(),
        created_at: time::print(order.created_at),
    }
}

fn unfinished_message(found: &UnfinishedTransfer) -> UnfinishedMessage {
    let activation = &found.activation;
    UnfinishedMessage {
        license: activation.license.to_string(),
        order_id: found.order.to_string(),
        customer: found.customer.as_ref().map(ToString::to_string),
        item: found.item.to_string(),
        name: found.name.to_string(),
        container: activation.container.to_string(),
        firm_code: activation.firm_code.get(),
        quantity: activation.quantity,
        state: activation.state.name().to_owned(),
        since: time::print(found.since),
    }
}
