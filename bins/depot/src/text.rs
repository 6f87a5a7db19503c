//! The words of the portal.

/// The languages that are built in, with their texts; a language may have several.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("en", include_str!("texts/en.ftl")),
    ("de", include_str!("texts/de.ftl")),
    ("de", http_pages::PROBLEMS_GERMAN),
];
