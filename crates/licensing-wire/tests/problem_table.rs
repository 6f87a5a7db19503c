//! The table of problems is total: every code the core can give has a row.

use std::collections::BTreeSet;

use licensing_wire::problem::{TABLE, entry, exit};

/// The sources that define codes, each as `Self::Variant => "code"`.
const SOURCES: [&str; 4] = [
    include_str!("../../licensing-core/src/refusal.rs"),
    include_str!("../../licensing-core/src/error.rs"),
    include_str!("../../licensing-core/src/device.rs"),
    include_str!("../../licensing-core/src/access.rs"),
];

fn core_codes() -> BTreeSet<&'static str> {
    SOURCES
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| line.split_once("=> \"").map(|(_, rest)| rest.trim_end_matches("\",")))
        .collect()
}

#[test]
fn every_core_code_has_a_row() {
    let codes = core_codes();
    assert!(codes.len() > 60, "the sources are read: {}", codes.len());
    let missing: Vec<&str> = codes.iter().filter(|code| entry(code).is_none()).copied().collect();
    assert!(missing.is_empty(), "without a row: {missing:?}");
}

#[test]
fn codes_are_unique_and_well_formed() {
    let mut seen = BTreeSet::new();
    for row in TABLE {
        assert!(seen.insert(row.code), "{} twice", row.code);
        assert!(row.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", row.code);
        assert!((400..600).contains(&row.status), "{}", row.code);
        assert!((1..=6).contains(&row.exit) || row.exit == exit::TRY_AGAIN, "{}", row.code);
        for text in [row.rule, row.remedy] {
            assert!(text.ends_with('.') && text.len() > 9, "{}: {text}", row.code);
            assert!(text.starts_with(|c: char| c.is_uppercase()), "{}: {text}", row.code);
        }
    }
}

#[test]
fn the_exit_codes_scripts_rely_on() {
    for (code, status, exit) in [
        ("ticket_mistyped", 422, 3),
        ("ticket_unknown", 404, 4),
        ("item_unknown", 404, 4),
        ("order_unknown", 404, 4),
        ("license_unknown", 404, 4),
        ("quantity_invalid", 422, 3),
        ("license_not_available", 409, 3),
        ("bad_signature", 422, 5),
        ("not_our_format", 422, 5),
        ("server_unreachable", 502, 6),
        ("try_again", 503, 75),
        ("rate_limited", 429, 75),
        ("internal", 500, 1),
        ("usage", 400, 2),
    ] {
        let row = entry(code).unwrap();
        assert_eq!((row.status, row.exit), (status, exit), "{code}");
    }
}
