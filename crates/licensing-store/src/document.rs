//! Stored documents: item definitions and carried shares as JSON texts.
//!
//! Both drivers store the same text, so a database can be moved between them and compared. Fields are only ever
//! added, with a default, so that a text written by any earlier version can be read.

use licensing_core::crypto::digest::{Digest, hash};
use licensing_core::ids::{FirmCode, ItemId, Name, ProductCode, Text};
use licensing_core::item::{
    ContainerKinds, ItemDefinition, ItemPolicy, ReactivationPolicy, RestorePolicy, ReturnPolicy,
};
use licensing_core::license::Share;
use licensing_core::terms::{
    ACCESS_MODES, AccessMode, LicenseTerms, Module, Remainder, TOLERANCES, Tolerance,
};
use licensing_core::time::{End, Timestamp};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum EndRow {
    At(u64),
    AfterDays(u32),
}

#[derive(Serialize, Deserialize)]
struct ModuleRow {
    product_code: u32,
    name: String,
    feature_map: Option<u32>,
}

#[derive(Serialize, Deserialize)]
enum RuleRow {
    Never,
    Always,
    AfterDays(u32),
    Approval,
}

#[derive(Serialize, Deserialize)]
struct ItemRow {
    id: String,
    name: String,
    firm_code: u32,
    product_code: u32,
    license_quantity: u32,
    access: String,
    feature_map: Option<u32>,
    unit_counter: Option<u32>,
    activation_time: Option<u64>,
    expiration: Option<EndRow>,
    usage_period_days: Option<u32>,
    maintenance: Option<EndRow>,
    linger_secs: Option<u32>,
    borrow_days: Option<u32>,
    text: String,
    modules: Vec<ModuleRow>,
    tolerance: Option<String>,
    dongle: bool,
    act: bool,
    returns: RuleRow,
    reactivation: RuleRow,
    restore: RuleRow,
    split: bool,
}

#[derive(Serialize, Deserialize)]
struct ShareRow {
    quantity: u32,
    units: Option<u64>,
    expires: Option<u64>,
    maintenance_until: Option<u64>,
    usage_started: Option<u64>,
}

const fn end_row(end: End) -> EndRow {
    match end {
        End::At(at) => EndRow::At(at.secs()),
        End::AfterDays(days) => EndRow::AfterDays(days),
    }
}

const fn end_of(row: &EndRow) -> End {
    match row {
        EndRow::At(secs) => End::At(Timestamp::from_secs(*secs)),
        EndRow::AfterDays(days) => End::AfterDays(*days),
    }
}

fn word<T: PartialEq>(table: &[(T, &'static str)], value: &T) -> &'static str {
    table.iter().find(|(known, _)| known == value).map_or("", |(_, word)| word)
}

fn value<T: Copy>(table: &[(T, &'static str)], word: &str) -> Option<T> {
    table.iter().find(|(_, known)| *known == word).map(|(value, _)| *value)
}

/// The text of an item definition, and its hash, under which it is stored once however many licenses have it.
#[must_use]
pub fn write_item(item: &ItemDefinition) -> (Digest, String) {
    let (terms, policy) = (&item.terms, &item.policy);
    let row = ItemRow {
        id: item.id.as_str().to_owned(),
        name: item.name.as_str().to_owned(),
        firm_code: item.firm_code.get(),
        product_code: item.product_code.get(),
        license_quantity: terms.license_quantity,
        access: word::<AccessMode>(&ACCESS_MODES, &terms.access).to_owned(),
        feature_map: terms.feature_map,
        unit_counter: terms.unit_counter,
        activation_time: terms.activation_time.map(Timestamp::secs),
        expiration: terms.expiration.map(end_row),
        usage_period_days: terms.usage_period_days,
        maintenance: terms.maintenance.map(end_row),
        linger_secs: terms.linger_secs,
        borrow_days: terms.borrow_days,
        text: terms.text.as_str().to_owned(),
        modules: terms.modules.iter().map(module_row).collect(),
        tolerance: terms.tolerance.map(|t| word::<Tolerance>(&TOLERANCES, &t).to_owned()),
        dongle: policy.containers.dongle,
        act: policy.containers.act,
        returns: match policy.returns {
            ReturnPolicy::Allowed => RuleRow::Always,
            ReturnPolicy::Denied => RuleRow::Never,
            ReturnPolicy::Approval => RuleRow::Approval,
        },
        reactivation: match policy.reactivation {
            ReactivationPolicy::Never => RuleRow::Never,
            ReactivationPolicy::Always => RuleRow::Always,
            ReactivationPolicy::AfterDays(days) => RuleRow::AfterDays(days),
            ReactivationPolicy::Approval => RuleRow::Approval,
        },
        restore: match policy.restore {
            RestorePolicy::Never => RuleRow::Never,
            RestorePolicy::Always => RuleRow::Always,
            RestorePolicy::AfterDays(days) => RuleRow::AfterDays(days),
        },
        split: policy.split,
    };
    // Invariant: a struct of texts and numbers always serialises.
    let text = serde_json::to_string(&row).expect("plain data");
    (hash("item definition", &[text.as_bytes()]), text)
}

fn module_row(module: &Module) -> ModuleRow {
    ModuleRow {
        product_code: module.product_code.get(),
        name: module.name.as_str().to_owned(),
        feature_map: module.feature_map,
    }
}

fn module_of(row: &ModuleRow) -> Option<Module> {
    Some(Module {
        product_code: ProductCode::new(row.product_code)?,
        name: Name::new(row.name.as_str()).ok()?,
        feature_map: row.feature_map,
    })
}

/// Reads the text of an item definition; `None` when it is damaged.
#[must_use]
pub fn read_item(text: &str) -> Option<ItemDefinition> {
    let row: ItemRow = serde_json::from_str(text).ok()?;
    let tolerance = match &row.tolerance {
        Some(word) => Some(value::<Tolerance>(&TOLERANCES, word)?),
        None => None,
    };
    let terms = LicenseTerms {
        license_quantity: row.license_quantity,
        access: value::<AccessMode>(&ACCESS_MODES, &row.access)?,
        feature_map: row.feature_map,
        unit_counter: row.unit_counter,
        activation_time: row.activation_time.map(Timestamp::from_secs),
        expiration: row.expiration.as_ref().map(end_of),
        usage_period_days: row.usage_period_days,
        maintenance: row.maintenance.as_ref().map(end_of),
        linger_secs: row.linger_secs,
        borrow_days: row.borrow_days,
        text: Text::new(row.text).ok()?,
        modules: row.modules.iter().map(module_of).collect::<Option<_>>()?,
        tolerance,
    };
    let policy = ItemPolicy {
        containers: ContainerKinds { dongle: row.dongle, act: row.act },
        returns: match row.returns {
            RuleRow::Always => ReturnPolicy::Allowed,
            RuleRow::Never => ReturnPolicy::Denied,
            RuleRow::Approval => ReturnPolicy::Approval,
            RuleRow::AfterDays(_) => return None,
        },
        reactivation: match row.reactivation {
            RuleRow::Never => ReactivationPolicy::Never,
            RuleRow::Always => ReactivationPolicy::Always,
            RuleRow::AfterDays(days) => ReactivationPolicy::AfterDays(days),
            RuleRow::Approval => ReactivationPolicy::Approval,
        },
        restore: match row.restore {
            RuleRow::Never => RestorePolicy::Never,
            RuleRow::Always => RestorePolicy::Always,
            RuleRow::AfterDays(days) => RestorePolicy::AfterDays(days),
            RuleRow::Approval => return None,
        },
        split: row.split,
    };
    Some(ItemDefinition {
        id: ItemId::new(row.id).ok()?,
        name: Name::new(row.name).ok()?,
        firm_code: FirmCode::new(row.firm_code)?,
        product_code: ProductCode::new(row.product_code)?,
        terms,
        policy,
    })
}

/// The text of carried shares; `None` when there are none, the usual case.
#[must_use]
pub fn write_shares(shares: &[Share]) -> Option<String> {
    if shares.is_empty() {
        return None;
    }
    let row = |share: &Share| ShareRow {
        quantity: share.quantity,
        units: share.remainder.units,
        expires: share.remainder.expires.map(Timestamp::secs),
        maintenance_until: share.remainder.maintenance_until.map(Timestamp::secs),
        usage_started: share.remainder.usage_started.map(Timestamp::secs),
    };
    let rows: Vec<ShareRow> = shares.iter().map(row).collect();
    // Invariant: a list of numbers always serialises.
    Some(serde_json::to_string(&rows).expect("plain data"))
}

/// Reads the text of carried shares; `None` when it is damaged.
#[must_use]
pub fn read_shares(text: Option<&str>) -> Option<Vec<Share>> {
    let Some(text) = text else { return Some(Vec::new()) };
    let rows: Vec<ShareRow> = serde_json::from_str(text).ok()?;
    let share = |row: ShareRow| Share {
        quantity: row.quantity,
        remainder: Remainder {
            units: row.units,
            expires: row.expires.map(Timestamp::from_secs),
            maintenance_until: row.maintenance_until.map(Timestamp::from_secs),
            usage_started: row.usage_started.map(Timestamp::from_secs),
        },
    };
    Some(rows.into_iter().map(share).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_survives() {
        let item = ItemDefinition {
            id: ItemId::new("SNP").unwrap(),
            name: Name::new("SampleNotePad").unwrap(),
            firm_code: FirmCode::new(6_000_010).unwrap(),
            product_code: ProductCode::new(201_000).unwrap(),
            terms: LicenseTerms {
                license_quantity: 3,
                access: AccessMode::StationShare,
                feature_map: Some(7),
                unit_counter: Some(100),
                activation_time: Some(Timestamp::from_secs(5)),
                expiration: Some(End::AfterDays(30)),
                usage_period_days: Some(14),
                maintenance: Some(End::At(Timestamp::from_secs(9))),
                linger_secs: Some(60),
                borrow_days: Some(14),
                text: Text::new("two\nlines").unwrap(),
                modules: vec![Module {
                    product_code: ProductCode::new(201_001).unwrap(),
                    name: Name::new("Change Font").unwrap(),
                    feature_map: Some(1),
                }],
                tolerance: Some(Tolerance::Strict),
            },
            policy: ItemPolicy {
                containers: ContainerKinds { dongle: true, act: false },
                returns: ReturnPolicy::Approval,
                reactivation: ReactivationPolicy::AfterDays(365),
                restore: RestorePolicy::Always,
                split: false,
            },
        };
        let (hash, text) = write_item(&item);
        assert_eq!(read_item(&text), Some(item.clone()));
        assert_eq!(write_item(&item).0, hash);
        assert_eq!(read_item(&text.replace("station-share", "nonsense")), None);
        let shares = vec![Share {
            quantity: 2,
            remainder: Remainder {
                units: Some(41),
                expires: Some(Timestamp::from_secs(1)),
                ..Remainder::default()
            },
        }];
        assert_eq!(read_shares(write_shares(&shares).as_deref()), Some(shares));
        assert_eq!(read_shares(None), Some(vec![]));
        assert_eq!(read_shares(Some("[{]")), None);
    }
}
