//! Every license option survives the way from core to JSON and back, and bad texts are refused by name.
#![expect(clippy::unwrap_used, reason = "generators build values that are valid by construction")]

use licensing_core::ids::{FirmCode, ItemId, Name, ProductCode, Text};
use licensing_core::item::{ContainerKinds, ItemDefinition, ItemPolicy};
use licensing_core::item::{ReactivationPolicy, RestorePolicy};
use licensing_core::terms::{ACCESS_MODES, LicenseTerms, Module, TOLERANCES};
use licensing_core::time::{End, Timestamp};
use licensing_core::update_item::{FeatureChange, UPDATE_SCOPES, UpdateTerms};
use licensing_wire::json::ItemRequest;
use licensing_wire::options::{
    RETURN_POLICIES, item_definition, item_request, parse_end, parse_features, parse_fixed_end, parse_seconds,
};
use proptest::option;
use proptest::prelude::*;

fn moment() -> impl Strategy<Value = Timestamp> {
    // Whole days are printed as days; both spellings have to come up.
    prop_oneof![
        (0..=253_402_300_799u64).prop_map(Timestamp::from_secs),
        (1..=2_932_895u64).prop_map(|day| Timestamp::from_secs(day * 86_400)),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![moment().prop_map(End::At), (1..=36_525u32).prop_map(End::AfterDays)]
}

fn name() -> impl Strategy<Value = Name> {
    "[A-Za-zäß0-9]([ A-Za-z0-9]{0,20}[A-Za-z0-9])?".prop_map(|s| Name::new(s).unwrap())
}

fn product_code() -> impl Strategy<Value = ProductCode> {
    (1..=u32::MAX).prop_map(|code| ProductCode::new(code).unwrap())
}

fn module() -> impl Strategy<Value = Module> {
    (product_code(), name(), option::of(any::<u32>())).prop_map(|(product_code, name, feature_map)| Module {
        product_code,
        name,
        feature_map,
    })
}

fn terms() -> impl Strategy<Value = LicenseTerms> {
    let counts =
        (1..=1_000_000u32, 0..ACCESS_MODES.len(), option::of(any::<u32>()), option::of(1..=u32::MAX));
    let days = || option::of(1..=36_525u32);
    let dates = (option::of(moment()), option::of(end()), days(), option::of(end()));
    let rest = (
        option::of(any::<u32>()),
        days(),
        "[ -~\n]{0,40}",
        prop::collection::vec(module(), 0..3),
        option::of(0..TOLERANCES.len()),
    );
    (counts, dates, rest).prop_map(|(counts, dates, rest)| LicenseTerms {
        license_quantity: counts.0,
        access: ACCESS_MODES[counts.1].0,
        feature_map: counts.2,
        unit_counter: counts.3,
        activation_time: dates.0,
        expiration: dates.1,
        usage_period_days: dates.2,
        maintenance: dates.3,
        linger_secs: rest.0,
        borrow_days: rest.1,
        text: Text::new(rest.2).unwrap(),
        modules: rest.3,
        tolerance: rest.4.map(|at| TOLERANCES[at].0),
    })
}

fn policy() -> impl Strategy<Value = ItemPolicy> {
    let days = 1..=36_525u32;
    let reactivation = prop_oneof![
        Just(ReactivationPolicy::Never),
        Just(ReactivationPolicy::Always),
        Just(ReactivationPolicy::Approval),
        days.clone().prop_map(ReactivationPolicy::AfterDays),
    ];
    let restore = prop_oneof![
        Just(RestorePolicy::Never),
        Just(RestorePolicy::Always),
        days.prop_map(RestorePolicy::AfterDays),
    ];
    (0..3usize, 0..RETURN_POLICIES.len(), reactivation, restore, any::<bool>()).prop_map(
        |(kinds, returns, reactivation, restore, split)| ItemPolicy {
            containers: ContainerKinds { dongle: kinds != 0, act: kinds != 1 },
            returns: RETURN_POLICIES[returns].0,
            reactivation,
            restore,
            split,
        },
    )
}

fn update() -> impl Strategy<Value = UpdateTerms> {
    let features =
        prop_oneof![any::<u32>().prop_map(FeatureChange::Set), any::<u32>().prop_map(FeatureChange::Add)];
    let counts = (option::of(1..=u32::MAX), option::of(1..=u32::MAX));
    (0..UPDATE_SCOPES.len(), counts, option::of(end()), option::of(end()), option::of(features)).prop_map(
        |(scope, counts, expiration, maintenance, features)| UpdateTerms {
            base: ItemId::new("SNP-BASE").unwrap(),
            scope: UPDATE_SCOPES[scope].0,
            add_units: counts.0,
            add_quantity: counts.1,
            expiration,
            maintenance,
            features,
        },
    )
}

fn item() -> impl Strategy<Value = ItemDefinition> {
    let life = (option::of(update()), any::<bool>());
    (terms(), policy(), name(), product_code(), 1..=u32::MAX, life).prop_map(
        |(terms, policy, name, product_code, firm, (update, module))| ItemDefinition {
            id: ItemId::new("SNP-201-000").unwrap(),
            name,
            firm_code: FirmCode::new(firm).unwrap(),
            product_code,
            terms,
            policy,
            update,
            requires: module.then(|| ItemId::new("SNP-BASE").unwrap()),
        },
    )
}

proptest! {
    #[test]
    fn items_survive_the_round_trip(item in item()) {
        prop_assume!(item.validate().is_ok());
        let request = item_request(&item);
        let json = serde_json::to_string(&request).unwrap();
        let read: ItemRequest = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(item_definition(&read), Ok(item));
    }

    #[test]
    fn no_option_text_panics(text in "\\PC{0,24}") {
        let _ = (parse_end("e", &text), parse_features("f", &text), parse_seconds("s", &text));
    }
}

#[test]
fn a_day_as_an_end_includes_the_day() {
    let end = parse_fixed_end("expiration", "2030-01-31").unwrap();
    assert_eq!(end, parse_fixed_end("expiration", "2030-01-31T23:59:59Z").unwrap());
}

#[test]
fn the_smallest_request_has_every_default() {
    let json = r#"{"id":"A","name":"A","firm_code":6000010,"product_code":1}"#;
    let request: ItemRequest = serde_json::from_str(json).unwrap();
    let item = item_definition(&request).unwrap();
    assert_eq!((&item.terms, item.policy), (&LicenseTerms::default(), ItemPolicy::default()));
    assert_eq!(serde_json::to_string(&item_request(&item)).unwrap(), json);
}

#[test]
fn bad_options_are_refused_by_name() {
    let base = || serde_json::json!({"id": "A", "name": "A", "firm_code": 1, "product_code": 1});
    for (field, value, option) in [
        ("expires", "2030-02-30", "expiration"),
        ("expires", "30d", "expiration"),
        ("expires", "+0d", "expiration"),
        ("expires", "+36526d", "expiration"),
        ("activates", "+30d", "activation time"),
        ("usage_period", "+30d", "usage period"),
        ("usage_period", "-30d", "usage period"),
        ("maintenance", "soon", "maintenance"),
        ("feature_map", "0x1ffffffff", "feature map"),
        ("feature_map", "0x+1", "feature map"),
        ("linger", "60", "linger"),
        ("linger", "99999999999s", "linger"),
        ("tolerance", "Medium", "tolerance"),
        ("return", "maybe", "return"),
        ("reactivation", "after:d", "reactivation"),
        ("restore", "approval", "restore"),
        ("split", "yes", "split"),
        ("access", "userlimit", "access"),
        ("id", " A", "item id"),
        ("name", "", "name"),
        ("text", "\u{7}", "text"),
    ] {
        let mut json = base();
        json[field] = value.into();
        let request: ItemRequest = serde_json::from_value(json).unwrap();
        assert_eq!(item_definition(&request).unwrap_err().option, option, "{field}={value}");
    }
    for (field, value, option) in [
        ("firm_code", 0, "firm code"),
        ("product_code", 0, "product code"),
        ("license_quantity", 0, "license quantity"),
        ("unit_counter", 0, "unit counter"),
    ] {
        let mut json = base();
        json[field] = value.into();
        let request: ItemRequest = serde_json::from_value(json).unwrap();
        assert_eq!(item_definition(&request).unwrap_err().option, option);
    }
    let mut json = base();
    json["containers"] = serde_json::json!([]);
    let request: ItemRequest = serde_json::from_value(json).unwrap();
    assert_eq!(item_definition(&request).unwrap_err().option, "containers");
}
