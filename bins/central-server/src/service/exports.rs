//! Exports: a whole list as one file, made page by page while it is sent. Never more than one page is in memory,
//! however long the list is and however slowly it is read.

use licensing_core::ids::ContainerSerial;
use licensing_store::{ContainerQuery, LicenseQuery};
use licensing_wire::csv;
use licensing_wire::json::{ContainerAnswer, EventMessage, LicenseMessage, OrderSummary};
use serde::Serialize;

use crate::service::{Answer, Failure, HistoryFilter, OrderFilter, PAGE_MAX, Service};

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object on each line.
    JsonLines,
}

/// Every form with its word.
pub const FORMATS: [(Format, &str); 2] = [(Format::Csv, "csv"), (Format::JsonLines, "jsonl")];

/// What is exported: a list with its filters, from a place in it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exported {
    /// Orders.
    Orders(OrderFilter),
    /// Licenses.
    Licenses(LicenseQuery),
    /// Containers.
    Containers(ContainerQuery, Option<ContainerSerial>),
    /// Events.
    Events(HistoryFilter),
}

impl Exported {
    /// The word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Orders(_) => "orders",
            Self::Licenses(_) => "licenses",
            Self::Containers(..) => "containers",
            Self::Events(_) => "events",
        }
    }

    const fn header(&self) -> &'static [&'static str] {
        match self {
            Self::Orders(_) => &["order", "customer", "comment", "created"],
            Self::Licenses(_) => &[
                "license",
                "item",
                "name",
                "order",
                "customer",
                "quantity",
                "available",
                "activating",
                "active",
                "returning",
                "withdrawn",
                "state",
                "generation",
                "assigned",
                "replaces",
                "replaced_by",
                "created",
            ],
            Self::Containers(..) => &["container", "kind", "status", "test", "registered"],
            Self::Events(_) => &[
                "sequence",
                "at",
                "action",
                "outcome",
                "actor",
                "origin",
                "license",
                "container",
                "firm_code",
                "quantity",
                "proof",
                "detail",
            ],
        }
    }
}

/// A file that is being sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its form.
    pub format: Format,
    /// The list.
    pub of: Exported,
    /// Whether there is more than was sent.
    pub more: bool,
}

impl Service {
    /// The beginning of a file; the rest is made by [`Service::continue_export`] while it is sent.
    ///
    /// # Errors
    /// As the list.
    pub async fn export(&self, format: Format, of: Exported) -> Result<Answer, Failure> {
        let mut body = String::new();
        if format == Format::Csv {
            csv::record(&mut body, of.header());
        }
        let mut export = Export { format, of, more: true };
        body.push_str(&self.continue_export(&mut export).await?);
        let content_type = match format {
            Format::Csv => "text/csv; charset=utf-8",
            Format::JsonLines => "application/jsonl",
        };
        Ok(Answer { status: 200, content_type, body: body.into_bytes(), cookie: None, export: Some(export) })
    }

    /// The next page of a file, and where it goes on.
    ///
    /// # Errors
    /// As the list.
    pub async fn continue_export(&self, export: &mut Export) -> Result<String, Failure> {
        let mut out = String::new();
        let format = export.format;
        export.more = match &mut export.of {
            Exported::Orders(filter) => {
                filter.limit = PAGE_MAX;
                let page = self.order_list(filter.clone()).await?;
                write(&mut out, format, &page.orders, order_cells)?;
                filter.after = page.next.as_deref().map(str::parse).transpose()?;
                page.next.is_some()
            }
            Exported::Licenses(query) => {
                query.limit = PAGE_MAX;
                let page = self.store.find_licenses(query.clone()).await?;
                query.after = page.next;
                let page = crate::service::lists::license_list(page);
                write(&mut out, format, &page.licenses, license_cells)?;
                page.next.is_some()
            }
            Exported::Containers(query, after) => {
                query.limit = PAGE_MAX;
                let page = self.container_list(*query, *after).await?;
                write(&mut out, format, &page.containers, container_cells)?;
                *after = page.next.as_deref().map(str::parse).transpose()?;
                page.next.is_some()
            }
            Exported::Events(filter) => {
                filter.limit = PAGE_MAX;
                let page = self.history(filter).await?;
                write(&mut out, format, &page.events, event_cells)?;
                filter.after = page.next.unwrap_or(filter.after);
                page.next.is_some()
            }
        };
        Ok(out)
    }
}

fn write<T: Serialize>(
    out: &mut String,
    format: Format,
    entries: &[T],
    cells: fn(&T) -> Vec<String>,
) -> Result<(), Failure> {
    for entry in entries {
        match format {
            Format::Csv => csv::record(out, cells(entry)),
            Format::JsonLines => {
                let line = serde_json::to_string(entry).map_err(|error| Failure::fault(error.to_string()))?;
                out.push_str(&line);
                out.push('\n');
            }
        }
    }
    Ok(())
}

fn text<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn order_cells(order: &OrderSummary) -> Vec<String> {
    let OrderSummary { order_id, customer, comment, created_at } = order;
    vec![order_id.clone(), text(customer.as_ref()), comment.clone(), created_at.clone()]
}

fn license_cells(license: &LicenseMessage) -> Vec<String> {
    vec![
        license.id.clone(),
        license.item.clone(),
        license.name.clone(),
        license.order_id.clone(),
        text(license.customer.as_ref()),
        license.quantity.to_string(),
        license.available.to_string(),
        license.activating.to_string(),
        license.active.to_string(),
        license.returning.to_string(),
        license.withdrawn.to_string(),
        license.state.clone(),
        license.generation.to_string(),
        text(license.assigned.as_ref()),
        text(license.replaces.as_ref()),
        text(license.replaced_by.as_ref()),
        license.created_at.clone(),
    ]
}

fn container_cells(container: &ContainerAnswer) -> Vec<String> {
    vec![
        container.serial.clone(),
        container.kind.clone(),
        container.status.clone(),
        container.test_container.to_string(),
        container.registered_at.clone(),
    ]
}

fn event_cells(event: &EventMessage) -> Vec<String> {
    vec![
        event.sequence.to_string(),
        event.at.clone(),
        event.action.clone(),
        event.outcome.clone(),
        event.actor.clone(),
        text(event.origin.as_ref()),
        text(event.license.as_ref()),
        text(event.container.as_ref()),
        text(event.firm_code.as_ref()),
        text(event.quantity.as_ref()),
        text(event.proof.as_ref()),
        event.detail.clone(),
    ]
}
