//! Traits of a computer: the facts an act license is bound to.

mod linux;
#[cfg(feature = "test-host")]
mod test_host;

pub use linux::LinuxHost;
#[cfg(feature = "test-host")]
pub use test_host::TestHost;

/// Most traits a binding uses. Eight keep the number of minimal sets, and so the worst unlock, small.
pub const TRAITS_MAX: usize = 8;

/// Traits with their weights, most telling first. A trait of another name weighs [`DEFAULT_WEIGHT`].
///
/// Facts that travel with a disk image (machine id, file system) weigh less than facts of the hardware.
pub const WEIGHTS: &[(&str, u8)] = &[
    ("product_uuid", 5),
    ("board_serial", 4),
    ("disk_serial", 4),
    ("machine_id", 3),
    ("network_card", 3),
    ("cpu", 3),
    ("root_filesystem", 2),
    ("board_name", 2),
    ("firmware", 1),
    ("disk_layout", 1),
    ("memory", 1),
];
/// Weight of a trait that is not in [`WEIGHTS`].
pub const DEFAULT_WEIGHT: u8 = 2;

/// One fact of a computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostTrait {
    /// Which.
    pub name: String,
    /// Its canonical value.
    pub value: String,
}

impl HostTrait {
    /// How much it counts.
    #[must_use]
    pub fn weight(&self) -> u8 {
        weight_of(&self.name)
    }
}

/// How much the trait of a name counts.
#[must_use]
pub fn weight_of(name: &str) -> u8 {
    WEIGHTS.iter().find(|(known, _)| *known == name).map_or(DEFAULT_WEIGHT, |(_, weight)| *weight)
}

/// Tells the traits of the computer.
pub trait HostTraits: Send {
    /// The traits that are present, canonical, at most [`TRAITS_MAX`], heaviest first.
    fn collect(&self) -> Vec<HostTrait>;

    /// Whether these are simulated: containers made on them are marked as test containers everywhere.
    fn is_simulated(&self) -> bool {
        false
    }
}

/// Canonicalises raw values, drops placeholders, and keeps the heaviest [`TRAITS_MAX`].
#[must_use]
pub fn tidy(raw: impl IntoIterator<Item = (String, String)>) -> Vec<HostTrait> {
    let mut traits: Vec<HostTrait> = raw
        .into_iter()
        .filter_map(|(name, value)| canonical(&value).map(|value| HostTrait { name, value }))
        .collect();
    traits.sort_by(|a, b| b.weight().cmp(&a.weight()).then_with(|| a.name.cmp(&b.name)));
    traits.dedup_by(|a, b| a.name == b.name);
    traits.truncate(TRAITS_MAX);
    traits
}

/// Trimmed, lower case, inner blanks folded; `None` for values makers leave when they have none.
#[must_use]
pub fn canonical(value: &str) -> Option<String> {
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    const PLACEHOLDERS: &[&str] = &[
        "to be filled by o.e.m.",
        "default string",
        "system serial number",
        "system product name",
        "not specified",
        "not applicable",
        "none",
        "n/a",
        "unknown",
        "uninitialized",
        "03000200-0400-0500-0006-000700080009",
    ];
    let symbols: Vec<char> = value.chars().filter(|c| c.is_alphanumeric()).collect();
    let monotone = symbols.first().is_none_or(|first| symbols.iter().all(|c| c == first));
    let counting = value == "123456789" || value == "0123456789";
    if monotone || counting || PLACEHOLDERS.contains(&value.as_str()) { None } else { Some(value) }
}

/// Traits given as they are: for tests and for hosts with their own idea of a computer.
#[derive(Debug, Clone, Default)]
pub struct MapTraits(pub Vec<(String, String)>);

impl HostTraits for MapTraits {
    fn collect(&self) -> Vec<HostTrait> {
        tidy(self.0.iter().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_count_as_absent() {
        for value in [
            "",
            "  ",
            "To be filled by O.E.M.",
            "00000000-0000-0000-0000-000000000000",
            "0",
            "xxxxxx",
            "None",
        ] {
            assert_eq!(canonical(value), None, "{value}");
        }
        assert_eq!(canonical("  ABC  def "), Some("abc def".into()));
    }

    #[test]
    fn the_heaviest_eight_are_kept() {
        let many = (0..20).map(|i| (format!("other{i:02}"), format!("value{i}")));
        let traits = tidy(many.chain([("product_uuid".to_owned(), "4c4c4544".to_owned())]));
        assert_eq!(traits.len(), TRAITS_MAX);
        assert_eq!(traits[0].name, "product_uuid");
    }
}
