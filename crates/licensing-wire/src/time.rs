//! Times: RFC 3339 with whole seconds in UTC (`2030-01-31T12:00:00Z`) to and from [`Timestamp`].
//!
//! Reading also accepts an offset (`+01:00`) and fractions of a second, which are dropped. Years before 1970
//! and after 9999 are refused, as is everything RFC 3339 does not allow.

use jiff::civil::{Date, DateTime, Time, date};
use licensing_core::time::Timestamp;

const EPOCH: Date = date(1970, 1, 1);
const DAY_SECS: i64 = 86_400;
const TIMESTAMP_SECS_MAX: i64 = 253_402_300_799;

/// Prints a moment as RFC 3339 in UTC.
#[must_use]
pub fn print(at: Timestamp) -> String {
    format!("{}Z", civil(at).strftime("%Y-%m-%dT%H:%M:%S"))
}

/// The day a moment falls on in UTC, `2030-01-31`.
#[must_use]
pub fn print_day(at: Timestamp) -> String {
    civil(at).date().to_string()
}

/// Reads an RFC 3339 time; `None` when it is none.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let (day, rest) = text.split_at_checked(10)?;
    let day = day_secs(day)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let secs = day + clock_secs(clock)? - offset_secs(without_fraction(rest)?)?;
    moment(secs)
}

/// Reads a day `2030-01-31` as its first second in UTC; `None` when it is none.
#[must_use]
pub fn parse_day(text: &str) -> Option<Timestamp> {
    moment(day_secs(text)?)
}

fn moment(secs: i64) -> Option<Timestamp> {
    let secs = u64::try_from(secs).ok()?;
    (secs <= TIMESTAMP_SECS_MAX.unsigned_abs()).then(|| Timestamp::from_secs(secs))
}

fn civil(at: Timestamp) -> DateTime {
    // Invariant: a Timestamp is clamped to the years 1970 to 9999, all of which the calendar has.
    let secs = i64::try_from(at.secs()).unwrap_or(TIMESTAMP_SECS_MAX);
    let span = jiff::Span::new().days(secs / DAY_SECS).seconds(secs % DAY_SECS);
    EPOCH.to_datetime(Time::midnight()).checked_add(span).unwrap_or(DateTime::MAX)
}

fn digits(text: &str) -> Option<i16> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) { None } else { text.parse().ok() }
}

fn day_secs(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' || !text.is_ascii() {
        return None;
    }
    let (year, month, day) = (digits(&text[..4])?, digits(&text[5..7])?, digits(&text[8..])?);
    let day = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some(i64::from(EPOCH.until(day).ok()?.get_days()) * DAY_SECS)
}

fn clock_secs(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 8 || bytes[2] != b':' || bytes[5] != b':' || !text.is_ascii() {
        return None;
    }
    let (hour, minute, second) = (digits(&text[..2])?, digits(&text[3..5])?, digits(&text[6..])?);
    (hour < 24 && minute < 60 && second < 60)
        .then(|| i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second))
}

fn without_fraction(text: &str) -> Option<&str> {
    let Some(fraction) = text.strip_prefix('.') else { return Some(text) };
    let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < fraction.len()).then_some(rest)
}

fn offset_secs(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let offset = &text[1..];
    if offset.len() != 5 {
        return None;
    }
    Some(sign * clock_secs(&format!("{offset}:00"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_800_000_000, "2027-01-15T08:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(print(Timestamp::from_secs(secs)), text);
            assert_eq!(parse(text), Some(Timestamp::from_secs(secs)));
        }
        assert_eq!(parse("1970-01-01T01:00:00.25+01:00"), Some(Timestamp::ZERO));
        assert_eq!(parse("1969-12-31 23:30:00-00:30"), Some(Timestamp::ZERO));
        assert_eq!(parse_day("1970-01-02"), Some(Timestamp::from_secs(86_400)));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "2030",
            "2030-01-31",
            "2030-02-30T00:00:00Z",
            "2030-01-31T24:00:00Z",
            "2030-01-31T23:59:60Z",
            "2030-01-31T00:00:00",
            "2030-01-31T00:00:00.Z",
            "1969-12-31T23:59:59Z",
            "2030-01-31T00:00:00+1:00",
            "2030-01-31T00:00:00Z[UTC]",
            "+02030-01-31T00:00:00Z",
            "２030-01-31T00:00:00Z",
            "20300131T000000Z",
            "9999-12-31T23:59:59-00:01",
            "2030-01-31T00:00:00+é:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        for text in ["2030-1-31", "1969-12-31", "2030-13-01", "20300131", "2030-01-31 ", "2030-01-3é"] {
            assert_eq!(parse_day(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_moment_survives(secs in 0..=253_402_300_799u64) {
            let at = Timestamp::from_secs(secs);
            proptest::prop_assert_eq!(parse(&print(at)), Some(at));
            proptest::prop_assert!(parse_day(&print_day(at)).is_some_and(|day| day <= at));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,30}") {
            let _ = (parse(&text), parse_day(&text));
        }
    }
}
