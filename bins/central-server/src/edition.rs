//! Editions: one program and one database, with limits that are a line of the settings.
//!
//! What an edition limits is how much and by which ways, never what a license can do. Nothing that ends something is
//! ever limited: returns, receipts, and whatever was granted before.

use licensing_core::time::Timestamp;
use licensing_wire::time;
use serde::Deserialize;

/// The percentage of the activations of a month from which on it is told.
pub const WARN_PERCENT: u64 = 80;

/// A set of limits with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edition {
    /// A vendor who handles transfers himself, on one computer.
    Desktop,
    /// On the vendor's own computers, with every interface.
    Internet,
    /// Hosted, shared.
    Datacenter,
    /// Hosted, on a server of its own.
    Dedicated,
    /// Hosted, for many activations.
    HighPerformance,
    /// Hosted on several servers, without limits.
    HighAvailability,
}

/// Every edition with its name and its limits.
pub const EDITIONS: [(Edition, &str, Limits); 6] = [
    (Edition::Desktop, "desktop", Limits::of(false, false, false, Some(1_000))),
    (Edition::Internet, "internet", Limits::of(true, true, true, Some(20_000))),
    (Edition::Datacenter, "datacenter", Limits::of(true, false, true, Some(5_000))),
    (Edition::Dedicated, "dedicated", Limits::of(true, true, true, Some(50_000))),
    (Edition::HighPerformance, "high-performance", Limits::of(true, true, true, Some(500_000))),
    (Edition::HighAvailability, "high-availability", Limits::of(true, true, true, None)),
];

/// What a server does at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Whether other computers may use the JSON interface without a user's session.
    pub json: bool,
    /// Whether there is a SOAP interface.
    pub soap: bool,
    /// Whether a depot is served.
    pub depot: bool,
    /// Activations in a calendar month (UTC); `None` for any number.
    pub activations_per_month: Option<u64>,
}

impl Limits {
    const fn of(json: bool, soap: bool, depot: bool, activations_per_month: Option<u64>) -> Self {
        Self { json, soap, depot, activations_per_month }
    }

    /// Those of an edition.
    #[must_use]
    pub fn of_edition(edition: Edition) -> Self {
        let found = EDITIONS.iter().find(|row| row.0 == edition);
        // Invariant: every edition is in the table; a test says so.
        found.map_or(Self::of(true, true, true, None), |row| row.2)
    }

    /// The number of activations from which on it is told.
    #[must_use]
    pub fn warn_at(&self) -> Option<u64> {
        self.activations_per_month.map(|limit| limit * WARN_PERCENT / 100)
    }
}

/// The calendar month of a moment, as 202611.
#[must_use]
pub fn month(now: Timestamp) -> u32 {
    let text = time::print(now);
    let digits = |range: std::ops::Range<usize>| text.get(range).and_then(|text| text.parse::<u32>().ok());
    digits(0..4).unwrap_or_default() * 100 + digits(5..7).unwrap_or_default()
}

/// What of the limits are other words than those of the edition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EditionLimits {
    /// `edition`, `on` or `off`.
    pub json: String,
    /// `edition`, `on` or `off`.
    pub soap: String,
    /// `edition`, `on` or `off`.
    pub depot: String,
    /// `edition`, `none`, or a number.
    pub activations_per_month: String,
}

impl Default for EditionLimits {
    fn default() -> Self {
        let as_edition = || "edition".to_owned();
        Self {
            json: as_edition(),
            soap: as_edition(),
            depot: as_edition(),
            activations_per_month: as_edition(),
        }
    }
}

impl EditionLimits {
    /// The limits of an edition with these in their place.
    ///
    /// # Errors
    /// A word is none of those that are expected.
    pub fn over(&self, edition: Edition) -> anyhow::Result<Limits> {
        let of = Limits::of_edition(edition);
        let switch = |name: &str, word: &str, as_edition: bool| match word {
            "edition" => Ok(as_edition),
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(anyhow::anyhow!("edition_limits.{name}: expected edition, on or off")),
        };
        let activations_per_month = match self.activations_per_month.as_str() {
            "edition" => of.activations_per_month,
            "none" => None,
            number => Some(number.parse().map_err(|_| {
                anyhow::anyhow!(
                    "edition_limits.activations_per_month: expected edition, none, or a number in quotes"
                )
            })?),
        };
        Ok(Limits {
            json: switch("json", &self.json, of.json)?,
            soap: switch("soap", &self.soap, of.soap)?,
            depot: switch("depot", &self.depot, of.depot)?,
            activations_per_month,
        })
    }
}

/// The editions as a table of Markdown.
#[must_use]
pub fn table_in_markdown() -> String {
    let mut out = String::from(
        "| `edition` | JSON from other computers | SOAP | depot | activations per month |\n|---|---|---|---|---|\n",
    );
    let word = |on: bool| if on { "yes" } else { "no" };
    for (_, name, limits) in EDITIONS {
        let number = limits.activations_per_month.map_or("any number".to_owned(), |limit| limit.to_string());
        let (json, soap, depot) = (word(limits.json), word(limits.soap), word(limits.depot));
        out.push_str(&format!("| `{name}` | {json} | {soap} | {depot} | {number} |\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edition_has_its_name_and_limits() {
        for (edition, name, limits) in EDITIONS {
            let read: Edition = serde_json::from_value(serde_json::json!(name)).unwrap();
            assert_eq!((read, Limits::of_edition(read)), (edition, limits));
        }
    }

    #[test]
    fn single_limits_can_be_other_than_the_editions() {
        let over = EditionLimits {
            soap: "on".to_owned(),
            activations_per_month: "7".to_owned(),
            ..EditionLimits::default()
        };
        assert_eq!(over.over(Edition::Desktop).unwrap(), Limits::of(false, true, false, Some(7)));
        let none = EditionLimits { activations_per_month: "none".to_owned(), ..EditionLimits::default() };
        assert_eq!(none.over(Edition::Desktop).unwrap().activations_per_month, None);
        for wrong in [
            EditionLimits { json: "yes".to_owned(), ..EditionLimits::default() },
            EditionLimits { activations_per_month: "-1".to_owned(), ..EditionLimits::default() },
        ] {
            assert!(wrong.over(Edition::Internet).is_err());
        }
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        assert_eq!(month(Timestamp::from_secs(0)), 197_001);
        assert_eq!(month(Timestamp::from_secs(1_796_083_199)), 202_611);
        assert_eq!(month(Timestamp::from_secs(1_796_083_200)), 202_612);
    }

    /// Run with `--nocapture` to see the table that belongs there.
    #[test]
    fn the_page_shows_this_table() {
        let page = include_str!("../../../docs/editions.md");
        let table = table_in_markdown();
        assert!(page.contains(&table), "docs/editions.md must contain this table:\n{table}");
    }
}
