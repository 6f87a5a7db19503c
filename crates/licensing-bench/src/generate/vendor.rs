//! The items of the vendor of a generated database.

use licensing_core::changeset::{Change, ChangeSet};
use licensing_core::event::{Action, Actor, Event};
use licensing_core::ids::{ItemId, Name, ProductCode};
use licensing_core::item::{Item, ItemDefinition, ItemPolicy, ReactivationPolicy, RestorePolicy};
use licensing_core::terms::{AccessMode, LicenseTerms};
use licensing_core::time::{End, Timestamp};

use super::firm_code;

/// Products, each sold in the editions of [`editions`].
const PRODUCTS: [&str; 6] = ["Editor", "Viewer", "Simulator", "Compiler", "Analyzer", "Server"];

fn editions() -> [(&'static str, LicenseTerms); 4] {
    let base = LicenseTerms { feature_map: Some(3), ..LicenseTerms::default() };
    [
        ("Single", base.clone()),
        ("Floating", LicenseTerms { license_quantity: 5, access: AccessMode::StationShare, ..base.clone() }),
        ("Yearly", LicenseTerms { expiration: Some(End::AfterDays(365)), ..base.clone() }),
        ("Metered", LicenseTerms { unit_counter: Some(1_000), ..base }),
    ]
}

/// Every item, as stored.
pub(super) fn items(created_at: Timestamp) -> Vec<Item> {
    let mut items = Vec::new();
    for (product, name) in (1..).zip(PRODUCTS) {
        for (edition, terms) in editions() {
            let definition = ItemDefinition {
                // Invariant: short texts and a code above zero.
                id: ItemId::new(format!("GEN-{product:02}-{edition}").to_uppercase()).expect("an item id"),
                name: Name::new(format!("{name} {edition}")).expect("a name"),
                firm_code: firm_code(),
                product_code: ProductCode::new(201_000 + product).expect("a product code"),
                terms,
                policy: ItemPolicy {
                    reactivation: ReactivationPolicy::Always,
                    restore: RestorePolicy::Always,
                    ..ItemPolicy::default()
                },
                update: None,
                requires: None,
            };
            items.push(Item { definition, created_at, version: 1 });
        }
    }
    items
}

/// What puts them into a database.
pub(super) fn creation(items: &[Item], now: Timestamp) -> ChangeSet {
    let actor = Actor { name: "generator".to_owned(), origin: None };
    let mut changes = ChangeSet::default();
    for item in items {
        changes.push(Change::PutItem(Item { version: 0, ..item.clone() }));
        let mut event = Event::new(Action::ItemCreated, &actor, now);
        event.detail = item.definition.id.as_str().to_owned();
        changes.events.push(event);
    }
    changes
}
