//! Stored documents: item definitions and carried shares as JSON texts.
//!
//! Both drivers store the same text, so a database can be moved between them and compared. Fields are only ever
//! added, with a default, so that a text written by any earlier version can be read.

use std::cell::RefCell;

use licensing_core::activation::PendingUpdate;
use licensing_core::crypto::digest::{Digest, hash};
use licensing_core::format::context::TraitDigest;
use licensing_core::ids::{FirmCode, ItemId, Name, ProductCode, Text};
use licensing_core::item::{
    ContainerKinds, ItemDefinition, ItemPolicy, ReactivationPolicy, RestorePolicy, ReturnPolicy,
};
use licensing_core::license::Share;
use licensing_core::terms::{
    ACCESS_MODES, AccessMode, LicenseTerms, Module, Remainder, TOLERANCES, Tolerance,
};
use licensing_core::time::{End, Timestamp};
use licensing_core::update_item::{FeatureChange, UPDATE_SCOPES, UpdateEffect, UpdateScope, UpdateTerms};
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    update: Option<UpdateRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requires: Option<String>,
}

#[derive(Serialize, Deserialize)]
enum FeaturesRow {
    Set(u32),
    Add(u32),
}

#[derive(Serialize, Deserialize)]
struct UpdateRow {
    base: String,
    scope: String,
    add_units: Option<u32>,
    add_quantity: Option<u32>,
    expiration: Option<EndRow>,
    maintenance: Option<EndRow>,
    features: Option<FeaturesRow>,
}

#[derive(Serialize, Deserialize)]
struct ShareRow {
    quantity: u32,
    units: Option<u64>,
    expires: Option<u64>,
    maintenance_until: Option<u64>,
    usage_started: Option<u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    added_uses: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    feature_map: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form serde asks for")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
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
        update: item.update.as_ref().map(update_row),
        requires: item.requires.as_ref().map(|id| id.as_str().to_owned()),
    };
    // Invariant: a struct of texts and numbers always serialises.
    let text = serde_json::to_string(&row).expect("plain data");
    (hash("item definition", &[text.as_bytes()]), text)
}

fn update_row(update: &UpdateTerms) -> UpdateRow {
    UpdateRow {
        base: update.base.as_str().to_owned(),
        scope: word::<UpdateScope>(&UPDATE_SCOPES, &update.scope).to_owned(),
        add_units: update.add_units,
        add_quantity: update.add_quantity,
        expiration: update.expiration.map(end_row),
        maintenance: update.maintenance.map(end_row),
        features: update.features.map(|features| match features {
            FeatureChange::Set(bits) => FeaturesRow::Set(bits),
            FeatureChange::Add(bits) => FeaturesRow::Add(bits),
        }),
    }
}

fn update_of(row: UpdateRow) -> Option<UpdateTerms> {
    Some(UpdateTerms {
        base: ItemId::new(row.base).ok()?,
        scope: value::<UpdateScope>(&UPDATE_SCOPES, &row.scope)?,
        add_units: row.add_units,
        add_quantity: row.add_quantity,
        expiration: row.expiration.as_ref().map(end_of),
        maintenance: row.maintenance.as_ref().map(end_of),
        features: row.features.map(|features| match features {
            FeaturesRow::Set(bits) => FeatureChange::Set(bits),
            FeaturesRow::Add(bits) => FeatureChange::Add(bits),
        }),
    })
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

/// Definitions a thread remembers: many licenses are of few items.
const RECENT_MAX: usize = 16;

thread_local! {
    /// What was read last, newest first. A text always means the same, so nothing here can become wrong.
    static RECENT: RefCell<Vec<(String, ItemDefinition)>> = const { RefCell::new(Vec::new()) };
}

/// Reads the text of an item definition; `None` when it is damaged.
#[must_use]
pub fn read_item(text: &str) -> Option<ItemDefinition> {
    RECENT.with_borrow_mut(|recent| {
        match recent.iter().position(|(known, _)| known == text) {
            Some(at) => recent[..=at].rotate_right(1),
            None => {
                let item = parse_item(text)?;
                recent.truncate(RECENT_MAX - 1);
                recent.insert(0, (text.to_owned(), item));
            }
        }
        recent.first().map(|(_, item)| item.clone())
    })
}

fn parse_item(text: &str) -> Option<ItemDefinition> {
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
        update: match row.update {
            Some(update) => Some(update_of(update)?),
            None => None,
        },
        requires: match row.requires {
            Some(id) => Some(ItemId::new(id).ok()?),
            None => None,
        },
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
        added_uses: share.remainder.added_uses,
        feature_map: share.remainder.feature_map,
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
            added_uses: row.added_uses,
            feature_map: row.feature_map,
        },
    };
    Some(rows.into_iter().map(share).collect())
}

#[derive(Serialize, Deserialize)]
struct EffectRow {
    units: u64,
    uses: u64,
    expires: Option<u64>,
    maintenance_until: Option<u64>,
    feature_map: Option<u32>,
    split_from: Option<String>,
}

/// The text of what an update does to its base.
#[must_use]
pub fn write_update(update: &PendingUpdate) -> String {
    let effect = &update.effect;
    let row = EffectRow {
        units: effect.units,
        uses: effect.uses,
        expires: effect.expires.map(Timestamp::secs),
        maintenance_until: effect.maintenance_until.map(Timestamp::secs),
        feature_map: effect.feature_map,
        split_from: update.split_from.map(|entry| entry.to_string()),
    };
    // Invariant: a struct of numbers and texts always serialises.
    serde_json::to_string(&row).expect("plain data")
}

/// Reads the text of what an update does; `None` when it is damaged.
#[must_use]
pub fn read_update(text: &str) -> Option<PendingUpdate> {
    let row: EffectRow = serde_json::from_str(text).ok()?;
    let effect = UpdateEffect {
        units: row.units,
        uses: row.uses,
        expires: row.expires.map(Timestamp::from_secs),
        maintenance_until: row.maintenance_until.map(Timestamp::from_secs),
        feature_map: row.feature_map,
    };
    let split_from = match row.split_from {
        Some(entry) => Some(entry.parse().ok()?),
        None => None,
    };
    Some(PendingUpdate { effect, split_from })
}

/// Bytes of one trait digest.
const TRAIT_BYTES: usize = 21;

/// Trait digests one after the other: kind, weight, digest.
#[must_use]
pub fn write_traits(traits: &[TraitDigest]) -> Vec<u8> {
    traits.iter().flat_map(|t| t.kind.into_iter().chain([t.weight]).chain(t.digest)).collect()
}

/// Reads trait digests; `None` when they are damaged.
#[must_use]
pub fn read_traits(bytes: &[u8]) -> Option<Vec<TraitDigest>> {
    let one = |bytes: &[u8]| {
        let (kind, rest) = bytes.split_first_chunk::<4>()?;
        let (weight, digest) = rest.split_first()?;
        Some(TraitDigest { kind: *kind, weight: *weight, digest: digest.try_into().ok()? })
    };
    if !bytes.len().is_multiple_of(TRAIT_BYTES) {
        return None;
    }
    bytes.chunks(TRAIT_BYTES).map(one).collect()
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
            update: Some(UpdateTerms {
                base: ItemId::new("BASE").unwrap(),
                scope: UpdateScope::Ticket,
                add_units: Some(5),
                add_quantity: Some(2),
                expiration: Some(End::AfterDays(365)),
                maintenance: Some(End::At(Timestamp::from_secs(77))),
                features: Some(FeatureChange::Add(4)),
            }),
            requires: Some(ItemId::new("OTHER").unwrap()),
        };
        let update = PendingUpdate {
            effect: UpdateEffect {
                units: 1,
                uses: 2,
                expires: Some(Timestamp::from_secs(3)),
                ..UpdateEffect::default()
            },
            split_from: Some(licensing_core::ids::EntryId([9; 16])),
        };
        assert_eq!(read_update(&write_update(&update)), Some(update));
        let traits = vec![TraitDigest { kind: [1; 4], weight: 7, digest: [2; 16] }; 3];
        assert_eq!(read_traits(&write_traits(&traits)), Some(traits));
        assert_eq!(read_traits(&[0; 20]), None);
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
