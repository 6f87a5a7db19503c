//! Option texts as used on the command line and in JSON: dates, periods, feature maps, policies.
//!
//! | text | means |
//! |---|---|
//! | `2030-01-31` as an end | usable through that day: ends at 2030-02-01T00:00:00Z (exclusive) |
//! | `2030-01-31` as a begin | from 2030-01-31T00:00:00Z on |
//! | `2030-01-31T12:00:00Z` | exactly that moment, any RFC 3339 time |
//! | `+30d` | 30 days after the first activation |
//! | `30d` | a period of 30 days |
//! | `60s`, `5m`, `2h`, `1d` | a short period |
//! | `0x3`, `3` | feature bits |
//!
//! Every function reads what its counterpart prints.

mod item;

pub use item::{item_definition, item_request};

use licensing_core::ids::{ContainerKind, OrderId};
use licensing_core::item::{ContainerKinds, ReactivationPolicy, RestorePolicy, ReturnPolicy};
use licensing_core::limits::DAY_SECS;
use licensing_core::order::TicketChoice;
use licensing_core::terms::{ACCESS_MODES, AccessMode, InvalidTerms, TOLERANCES, Tolerance};
use licensing_core::time::{End, Timestamp};
use licensing_core::update_item::{UPDATE_SCOPES, UpdateScope};

use crate::time;

const DATE_RULE: &str = "expected a day like 2030-01-31 or a time like 2030-01-31T12:00:00Z";
const END_RULE: &str = "expected a day like 2030-01-31, a time like 2030-01-31T12:00:00Z, or days like +30d";

const fn invalid<T>(option: &'static str, rule: &'static str) -> Result<T, InvalidTerms> {
    Err(InvalidTerms { option, rule })
}

/// Reads a begin: a day means its first second.
///
/// # Errors
/// Neither a day nor a time.
pub fn parse_begin(option: &'static str, text: &str) -> Result<Timestamp, InvalidTerms> {
    let text = text.trim();
    time::parse_day(text).or_else(|| time::parse(text)).ok_or(InvalidTerms { option, rule: DATE_RULE })
}

/// Prints a begin, as a day where it is the first second of one.
#[must_use]
pub fn print_begin(at: Timestamp) -> String {
    if at.secs().is_multiple_of(DAY_SECS) { time::print_day(at) } else { time::print(at) }
}

/// Reads a fixed end: a day means its last second, so that it is still usable on that day and is shown with it.
///
/// # Errors
/// Neither a day nor a time.
pub fn parse_fixed_end(option: &'static str, text: &str) -> Result<Timestamp, InvalidTerms> {
    let text = text.trim();
    time::parse_day(text)
        .map(|day| day.plus_secs(DAY_SECS - 1))
        .or_else(|| time::parse(text))
        .ok_or(InvalidTerms { option, rule: DATE_RULE })
}

/// Prints a fixed end, as a day where it is the end of one.
#[must_use]
pub fn print_fixed_end(at: Timestamp) -> String {
    if at.secs() % DAY_SECS == DAY_SECS - 1 { time::print_day(at) } else { time::print(at) }
}

/// Reads an end: fixed, or `+30d` from the first activation.
///
/// # Errors
/// None of the forms.
pub fn parse_end(option: &'static str, text: &str) -> Result<End, InvalidTerms> {
    let rule = |e: InvalidTerms| InvalidTerms { rule: END_RULE, ..e };
    match text.trim().strip_prefix('+') {
        Some(days) => parse_days(option, days).map(End::AfterDays).map_err(rule),
        None => parse_fixed_end(option, text).map(End::At).map_err(rule),
    }
}

/// Prints an end.
#[must_use]
pub fn print_end(end: End) -> String {
    match end {
        End::At(at) => print_fixed_end(at),
        End::AfterDays(days) => format!("+{days}d"),
    }
}

/// Reads what an update makes of an end: `365d` from the present one, or a fixed one.
///
/// # Errors
/// None of the forms.
pub fn parse_extension(option: &'static str, text: &str) -> Result<End, InvalidTerms> {
    let text = text.trim();
    match parse_days(option, text.strip_prefix('+').unwrap_or(text)) {
        Ok(days) => Ok(End::AfterDays(days)),
        Err(_) => parse_fixed_end(option, text)
            .map(End::At)
            .map_err(|e| InvalidTerms { rule: "expected days like 365d, or a day like 2030-01-31", ..e }),
    }
}

/// Prints what an update makes of an end.
#[must_use]
pub fn print_extension(end: End) -> String {
    match end {
        End::At(at) => print_fixed_end(at),
        End::AfterDays(days) => print_days(days),
    }
}

/// Reads which licenses an update may change.
///
/// # Errors
/// Another word.
pub fn parse_update_scope(text: &str) -> Result<UpdateScope, InvalidTerms> {
    word("update scope", text, &UPDATE_SCOPES, "expected container or ticket")
}

/// Prints which licenses an update may change.
#[must_use]
pub fn print_update_scope(scope: UpdateScope) -> &'static str {
    UPDATE_SCOPES.iter().find(|entry| entry.0 == scope).map_or("", |entry| entry.1)
}

/// Reads where the licenses of an order go: `new`, `order:O-0` or `container:SERIAL`.
///
/// # Errors
/// None of the forms.
pub fn parse_ticket_choice(text: &str) -> Result<TicketChoice, InvalidTerms> {
    let rule = "expected new, order:ORDER-ID or container:SERIAL";
    let invalid = InvalidTerms { option: "ticket", rule };
    match text.trim().split_once(':') {
        None if text.trim() == "new" => Ok(TicketChoice::New),
        Some(("order", id)) => OrderId::new(id).map(TicketChoice::OfOrder).map_err(|_| invalid),
        Some(("container", serial)) => serial.parse().map(TicketChoice::Container).map_err(|_| invalid),
        _ => Err(invalid),
    }
}

/// Prints where the licenses of an order go.
#[must_use]
pub fn print_ticket_choice(choice: &TicketChoice) -> String {
    match choice {
        TicketChoice::New => "new".to_owned(),
        TicketChoice::OfOrder(id) => format!("order:{id}"),
        TicketChoice::Container(serial) => format!("container:{serial}"),
    }
}

fn number(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) { None } else { text.parse().ok() }
}

/// Reads a period in whole days, `30d`.
///
/// # Errors
/// Another form.
pub fn parse_days(option: &'static str, text: &str) -> Result<u32, InvalidTerms> {
    let days = text.trim().strip_suffix('d').and_then(number);
    days.ok_or(InvalidTerms { option, rule: "expected days like 30d" })
}

/// Prints a period in days.
#[must_use]
pub fn print_days(days: u32) -> String {
    format!("{days}d")
}

/// Reads a short period in seconds, minutes, hours or days.
///
/// # Errors
/// Another form, or more than 2^32 seconds.
pub fn parse_seconds(option: &'static str, text: &str) -> Result<u32, InvalidTerms> {
    let text = text.trim();
    let unit = match text.as_bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 3_600,
        Some(b'd') => 86_400,
        _ => 0,
    };
    let seconds = match unit {
        0 => None,
        unit => number(&text[..text.len() - 1]).and_then(|count| count.checked_mul(unit)),
    };
    seconds.ok_or(InvalidTerms { option, rule: "expected a period like 60s, 5m, 2h or 1d" })
}

/// Prints a short period.
#[must_use]
pub fn print_seconds(seconds: u32) -> String {
    format!("{seconds}s")
}

/// Reads feature bits, hexadecimal with `0x` or decimal.
///
/// # Errors
/// Another form, or more than 32 bits.
pub fn parse_features(option: &'static str, text: &str) -> Result<u32, InvalidTerms> {
    let text = text.trim();
    let bits = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16).ok(),
        Some(_) => None,
        None => number(text),
    };
    bits.ok_or(InvalidTerms { option, rule: "expected 32 feature bits like 0x3 or 3" })
}

/// Prints feature bits.
#[must_use]
pub fn print_features(bits: u32) -> String {
    format!("{bits:#x}")
}

fn word<T: Copy>(
    option: &'static str,
    text: &str,
    words: &[(T, &str)],
    rule: &'static str,
) -> Result<T, InvalidTerms> {
    let found = words.iter().find(|(_, word)| *word == text.trim()).map(|(value, _)| *value);
    found.ok_or(InvalidTerms { option, rule })
}

/// Reads an access mode.
///
/// # Errors
/// Another word.
pub fn parse_access(text: &str) -> Result<AccessMode, InvalidTerms> {
    let rule = "expected user-limit, station-share, exclusive, no-user-limit or local-only";
    word("access", text, &ACCESS_MODES, rule)
}

/// Prints an access mode.
#[must_use]
pub fn print_access(mode: AccessMode) -> &'static str {
    ACCESS_MODES.iter().find(|entry| entry.0 == mode).map_or("", |entry| entry.1)
}

/// Reads a tolerance.
///
/// # Errors
/// Another word.
pub fn parse_tolerance(text: &str) -> Result<Tolerance, InvalidTerms> {
    word("tolerance", text, &TOLERANCES, "expected loose, medium or strict")
}

/// Prints a tolerance.
#[must_use]
pub fn print_tolerance(tolerance: Tolerance) -> &'static str {
    TOLERANCES.iter().find(|entry| entry.0 == tolerance).map_or("", |entry| entry.1)
}

/// Reads kinds of container; a kind named twice counts once.
///
/// # Errors
/// Another word, or none at all.
pub fn parse_kinds<T: AsRef<str>>(kinds: &[T]) -> Result<ContainerKinds, InvalidTerms> {
    let mut out = ContainerKinds { dongle: false, act: false };
    for kind in kinds {
        match kind.as_ref().trim().parse() {
            Ok(ContainerKind::Dongle) => out.dongle = true,
            Ok(ContainerKind::Act) => out.act = true,
            Err(_) => return invalid("containers", "expected dongle, act, or both"),
        }
    }
    if out.dongle || out.act { Ok(out) } else { invalid("containers", "expected dongle, act, or both") }
}

/// Prints kinds of container.
#[must_use]
pub fn print_kinds(kinds: ContainerKinds) -> Vec<String> {
    [ContainerKind::Dongle, ContainerKind::Act]
        .into_iter()
        .filter(|kind| kinds.allows(*kind))
        .map(|kind| kind.as_str().to_owned())
        .collect()
}

/// Every return policy with its word.
pub const RETURN_POLICIES: [(ReturnPolicy, &str); 3] = [
    (ReturnPolicy::Allowed, "allowed"),
    (ReturnPolicy::Denied, "denied"),
    (ReturnPolicy::Approval, "approval"),
];

/// Reads a return policy.
///
/// # Errors
/// Another word.
pub fn parse_return(text: &str) -> Result<ReturnPolicy, InvalidTerms> {
    word("return", text, &RETURN_POLICIES, "expected allowed, denied or approval")
}

/// Prints a return policy.
#[must_use]
pub fn print_return(policy: ReturnPolicy) -> &'static str {
    RETURN_POLICIES.iter().find(|entry| entry.0 == policy).map_or("", |entry| entry.1)
}

/// Reads a re-activation policy.
///
/// # Errors
/// None of the forms.
pub fn parse_reactivation(text: &str) -> Result<ReactivationPolicy, InvalidTerms> {
    let rule = "expected never, always, approval, or a waiting time like after:365d";
    match text.trim() {
        "never" => Ok(ReactivationPolicy::Never),
        "always" => Ok(ReactivationPolicy::Always),
        "approval" => Ok(ReactivationPolicy::Approval),
        other => match other.strip_prefix("after:").map(|days| parse_days("reactivation", days)) {
            Some(Ok(days)) => Ok(ReactivationPolicy::AfterDays(days)),
            Some(Err(_)) | None => invalid("reactivation", rule),
        },
    }
}

/// Prints a re-activation policy.
#[must_use]
pub fn print_reactivation(policy: ReactivationPolicy) -> String {
    match policy {
        ReactivationPolicy::Never => "never".to_owned(),
        ReactivationPolicy::Always => "always".to_owned(),
        ReactivationPolicy::AfterDays(days) => format!("after:{days}d"),
        ReactivationPolicy::Approval => "approval".to_owned(),
    }
}

/// Reads a restore policy.
///
/// # Errors
/// None of the forms.
pub fn parse_restore(text: &str) -> Result<RestorePolicy, InvalidTerms> {
    match parse_reactivation(text) {
        Ok(ReactivationPolicy::Never) => Ok(RestorePolicy::Never),
        Ok(ReactivationPolicy::Always) => Ok(RestorePolicy::Always),
        Ok(ReactivationPolicy::AfterDays(days)) => Ok(RestorePolicy::AfterDays(days)),
        Ok(ReactivationPolicy::Approval) | Err(_) => {
            invalid("restore", "expected never, always, or a waiting time like after:30d")
        }
    }
}

/// Prints a restore policy.
#[must_use]
pub fn print_restore(policy: RestorePolicy) -> String {
    print_reactivation(match policy {
        RestorePolicy::Never => ReactivationPolicy::Never,
        RestorePolicy::Always => ReactivationPolicy::Always,
        RestorePolicy::AfterDays(days) => ReactivationPolicy::AfterDays(days),
    })
}

/// Reads whether a quantity may be spread over several containers.
///
/// # Errors
/// Another word.
pub fn parse_split(text: &str) -> Result<bool, InvalidTerms> {
    word("split", text, &[(true, "allowed"), (false, "denied")], "expected allowed or denied")
}

/// Prints whether a quantity may be spread.
#[must_use]
pub const fn print_split(split: bool) -> &'static str {
    if split { "allowed" } else { "denied" }
}
