//! The first page: what waits for somebody.

use minijinja::{Value, context};
use serde_json::json;

use crate::http::web::visit::{Shown, Visit, value};
use crate::service::Failure;

/// Entries shown of each list.
const ENTRIES: (&str, &str) = ("limit", "5");

pub(super) async fn page(visit: &Visit) -> Result<Shown, Failure> {
    let approvals = waiting(visit, "list_approvals", &[("pending", "true"), ENTRIES]).await?;
    let transfers = waiting(visit, "list_transfers", &[ENTRIES]).await?;
    let containers =
        waiting(visit, "list_containers", &[("flagged", "true"), ("newest", "true"), ENTRIES]).await?;
    let orders = waiting(visit, "list_orders", &[("newest", "true"), ENTRIES]).await?;
    let activity = activity(visit).await?;
    let values = context! { activity => activity, approvals => approvals, transfers => transfers,
    containers => containers, orders => orders };
    Ok(Shown::Page(200, "dashboard.html", values))
}

/// The beginning of a list; nothing for whoever may not see it.
async fn waiting(visit: &Visit, name: &str, query: &[(&str, &str)]) -> Result<Option<Value>, Failure> {
    if !visit.may(name) {
        return Ok(None);
    }
    Ok(Some(value(visit.look(name, &[], query).await?)))
}

/// Width and height of the plot, in its own units.
const PLOT: (u64, u64) = (1000, 200);

/// The plot of the last days: a line for each of what was created, activated and returned.
async fn activity(visit: &Visit) -> Result<Option<Value>, Failure> {
    if !visit.may("statistics") {
        return Ok(None);
    }
    let statistics = visit.look("statistics", &[], &[]).await?;
    let days = statistics.get("days").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    let count = |day: &serde_json::Value, what: &str| {
        day.get("activity").and_then(|activity| activity.get(what)?.as_u64()).unwrap_or(0)
    };
    let kinds = ["created", "activated", "returned"];
    let most = days.iter().flat_map(|day| kinds.map(|what| count(day, what))).max().unwrap_or(0);
    let lines = kinds.map(|what| {
        let counts: Vec<u64> = days.iter().map(|day| count(day, what)).collect();
        json!({"kind": what, "points": points(&counts, most)})
    });
    Ok(Some(value(json!({
        "lines": lines, "days": days, "most": most, "total": statistics.get("total"),
        "width": PLOT.0, "height": PLOT.1,
    }))))
}

/// Where the points of a line are.
fn points(counts: &[u64], most: u64) -> String {
    let last = u64::try_from(counts.len()).unwrap_or(1).saturating_sub(1).max(1);
    let point = |(day, count): (u64, &u64)| {
        let (x, y) = (day * PLOT.0 / last, PLOT.1 - count.saturating_mul(PLOT.1) / most.max(1));
        format!("{x},{y}")
    };
    (0..).zip(counts).map(point).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::points;

    #[test]
    fn lines_stay_inside_the_plot() {
        assert_eq!(points(&[0, 2, 4], 4), "0,200 500,100 1000,0");
        assert_eq!(points(&[0], 0), "0,200");
        assert_eq!(points(&[], 7), "");
    }
}
