//! Searching over everything, and what the dashboard shows.

use licensing_core::event::Action;
use licensing_core::ids::{ContainerKind, ContainerSerial};
use licensing_core::limits::{DAY_SECS, ID_CHARS_MAX};
use licensing_core::ticket_code::TicketCode;
use licensing_core::time::Timestamp;
use licensing_store::{SearchHits, SearchQuery};
use licensing_wire::json::{
    ActivityMessage, DayStatistics, OpenMessage, SearchAnswer, SearchHit, StatisticsAnswer,
};
use licensing_wire::time;

use crate::service::{Failure, Service};

/// Most hits of each kind.
const HITS_MAX: u32 = 10;
/// Digits of an id that are enough to look for it.
const DIGITS_MIN: usize = 8;
/// Longest time statistics are made of, in days.
pub const STATISTICS_DAYS_MAX: u32 = 366;
/// Days statistics are made of when nothing is said.
const STATISTICS_DAYS: u32 = 30;

/// What is counted.
const COUNTED: &[Action] =
    &[Action::LicenseCreated, Action::ActivationConfirmed, Action::ReturnConfirmed, Action::Refused];

/// What a search may show besides orders, customers, licenses and approvals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchRights {
    /// Orders by their ticket.
    pub tickets: bool,
    /// Items.
    pub items: bool,
    /// Containers.
    pub containers: bool,
}

impl Service {
    /// Everything that has an id like a text. A text that is a ticket is looked for as nothing else.
    ///
    /// # Errors
    /// The text is empty, longer than any id, or has control characters.
    ///
    /// # Security
    /// The text may be a ticket: it is in no answer, no error and no log.
    pub async fn search(&self, text: &str, rights: SearchRights) -> Result<SearchAnswer, Failure> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > ID_CHARS_MAX || text.chars().any(char::is_control) {
            let message = format!("text: expected 1 to {ID_CHARS_MAX} printable characters");
            return Err(Failure::denied("invalid_value", message));
        }
        if let Ok(code) = text.parse::<TicketCode>() {
            let hits = if rights.tickets { self.orders_of_ticket(&code).await? } else { vec![] };
            return Ok(cut_kinds(hits));
        }
        let serials = if rights.containers { serials(text) } else { vec![] };
        let query = SearchQuery { prefix: text.to_owned(), ids: ids(text), serials, limit: HITS_MAX + 1 };
        let mut found = self.store.search(query).await?;
        if !rights.items {
            found.items.clear();
        }
        Ok(cut_kinds(self.hits(&found)))
    }

    async fn orders_of_ticket(&self, code: &TicketCode) -> Result<Vec<SearchHit>, Failure> {
        let lookup = self.keys().vault.lookup(code);
        let Some(ticket) = self.store.ticket_by_code(lookup).await? else { return Ok(vec![]) };
        let mut hits: Vec<SearchHit> = Vec::new();
        for line in self.store.lines_of_ticket(ticket.id).await? {
            if hits.iter().all(|hit| hit.id != line.order.as_str()) {
                hits.push(SearchHit {
                    kind: "ticket".to_owned(),
                    id: line.order.to_string(),
                    description: ticket.customer.as_ref().map(ToString::to_string).unwrap_or_default(),
                    state: None,
                    at: Some(time::print(line.created_at)),
                });
            }
        }
        Ok(hits)
    }

    fn hits(&self, found: &SearchHits) -> Vec<SearchHit> {
        let hit = |kind: &str, id: String, about: &[&str], state: Option<&str>, at: Timestamp| SearchHit {
            kind: kind.to_owned(),
            id,
            description: about
                .iter()
                .filter(|part| !part.is_empty())
                .copied()
                .collect::<Vec<_>>()
                .join(" · "),
            state: state.map(str::to_owned),
            at: Some(time::print(at)),
        };
        let mut hits = Vec::new();
        for order in &found.orders {
            let customer = order.customer.as_ref().map(ToString::to_string).unwrap_or_default();
            let comment = order.comment.as_str().lines().next().unwrap_or_default();
            hits.push(hit("order", order.id.to_string(), &[&customer, comment], None, order.created_at));
        }
        for found in &found.customers {
            hits.push(hit("customer", found.customer.to_string(), &[], None, found.last_order));
        }
        for item in &found.items {
            let name = item.definition.name.as_str();
            hits.push(hit("item", item.definition.id.to_string(), &[name], None, item.created_at));
        }
        for found in &found.licenses {
            let line = &found.line;
            let what = format!("{} × {}", line.quantity, line.item.name);
            let customer = found.customer.as_ref().map(ToString::to_string).unwrap_or_default();
            let about = [what.as_str(), line.order.as_str(), customer.as_str()];
            hits.push(hit(
                "license",
                line.id.to_string(),
                &about,
                Some(line.state().name()),
                line.created_at,
            ));
        }
        for container in &found.containers {
            let (serial, status) = (container.serial, container.status.name());
            let kind = serial.kind().as_str();
            hits.push(hit("container", serial.to_string(), &[kind], Some(status), container.registered_at));
        }
        for approval in &found.approvals {
            let (state, serial) = (approval.state_name(self.now()), approval.container.to_string());
            let about = [approval.kind.name(), serial.as_str()];
            hits.push(hit("approval", approval.id.to_string(), &about, Some(state), approval.requested_at));
        }
        hits
    }

    /// How much happened on each day from `from` until `until`, the last of them not among them, and what is open now.
    /// Without an end it is tomorrow; without a beginning it is 30 days before.
    ///
    /// # Errors
    /// There are more than 366 days, or none.
    pub async fn statistics(
        &self,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<StatisticsAnswer, Failure> {
        let day_of = |at: Timestamp| at.secs() / DAY_SECS;
        let last = until.map_or(day_of(self.now()) + 1, |until| until.secs().div_ceil(DAY_SECS));
        let first = from.map_or(last.saturating_sub(u64::from(STATISTICS_DAYS)), day_of);
        if first >= last || last - first > u64::from(STATISTICS_DAYS_MAX) {
            let message = format!("from and until: expected 1 to {STATISTICS_DAYS_MAX} days");
            return Err(Failure::denied("invalid_value", message));
        }
        let moment = |day: u64| Timestamp::from_secs(day.saturating_mul(DAY_SECS));
        let counts = self.store.activity(COUNTED, moment(first), moment(last)).await?;
        let mut days: Vec<(Timestamp, ActivityMessage)> =
            (first..last).map(|day| (moment(day), ActivityMessage::default())).collect();
        let mut total = ActivityMessage::default();
        for count in counts {
            let found = days.iter_mut().find(|(day, _)| *day == count.day);
            for activity in found.map(|(_, activity)| activity).into_iter().chain([&mut total]) {
                match count.action {
                    Action::LicenseCreated => activity.created += count.quantity,
                    Action::ActivationConfirmed => activity.activated += count.quantity,
                    Action::ReturnConfirmed => activity.returned += count.quantity,
                    _ => activity.refused += count.events,
                }
            }
        }
        let open = self.store.open().await?;
        let day = |(day, activity): (Timestamp, ActivityMessage)| DayStatistics {
            day: time::print(day).chars().take(10).collect(),
            activity,
        };
        Ok(StatisticsAnswer {
            days: days.into_iter().map(day).collect(),
            total,
            open: OpenMessage {
                approvals: open.approvals,
                transfers: open.transfers,
                flagged_containers: open.flagged,
            },
        })
    }
}

/// Leaves at most so many of each kind, and tells of which there are more.
fn cut_kinds(all: Vec<SearchHit>) -> SearchAnswer {
    let (mut hits, mut more): (Vec<SearchHit>, Vec<String>) = (Vec::new(), Vec::new());
    for hit in all {
        if hits.iter().filter(|kept| kept.kind == hit.kind).count() < HITS_MAX as usize {
            hits.push(hit);
        } else if !more.contains(&hit.kind) {
            more.push(hit.kind);
        }
    }
    SearchAnswer { hits, more }
}

/// Ids that begin with these digits, when there are enough of them.
fn ids(text: &str) -> Option<([u8; 16], [u8; 16])> {
    let enough = (DIGITS_MIN..=32).contains(&text.len());
    if !enough || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let filled = |with: &str| {
        let digits = format!("{text}{}", with.repeat(32 - text.len()));
        licensing_wire::binary::from_hex::<16>(&digits.to_ascii_lowercase()).ok()
    };
    Some((filled("0")?, filled("f")?))
}

/// The container of a serial, or those of a number.
fn serials(text: &str) -> Vec<ContainerSerial> {
    if let Ok(serial) = text.parse() {
        return vec![serial];
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse::<u64>().ok().filter(|_| plain);
    let of_kind = |kind| number.and_then(|number| ContainerSerial::new(kind, number));
    [ContainerKind::Dongle, ContainerKind::Act].into_iter().filter_map(of_kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_id_is_a_range_of_ids() {
        assert_eq!(
            ids("0198aBcd"),
            Some((
                [0x01, 0x98, 0xab, 0xcd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0x01, 0x98, 0xab, 0xcd, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
            ))
        );
        assert_eq!(ids(&"7".repeat(31)).map(|(first, last)| (first[15], last[15])), Some((0x70, 0x7f)));
        assert_eq!(ids(&"7".repeat(32)), Some(([0x77; 16], [0x77; 16])));
        for none in ["", "0198abc", "0198abcg", "0198 abcd", &"7".repeat(33)] {
            assert_eq!(ids(none), None, "{none}");
        }
    }

    #[test]
    fn a_number_may_be_of_a_container_of_each_kind() {
        let printed = |text| serials(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(printed("130-17"), ["130-17"]);
        assert_eq!(printed("17"), ["3-17", "130-17"]);
        for none in ["", "0", "-17", "+17", "17a", "281474976710656", "7-17"] {
            assert_eq!(printed(none), [""; 0], "{none}");
        }
    }
}
