//! Items: [`ItemRequest`] to and from the core's [`ItemDefinition`].

use licensing_core::ids::{FirmCode, InvalidId, ItemId, Name, ProductCode, Text};
use licensing_core::item::{ContainerKinds, ItemDefinition, ItemPolicy};
use licensing_core::terms::{AccessMode, InvalidTerms, LicenseTerms, Module};

use licensing_core::update_item::{FeatureChange, UpdateScope, UpdateTerms};

use crate::json::{ItemRequest, ModuleMessage};
use crate::options::{
    parse_access, parse_begin, parse_days, parse_end, parse_extension, parse_features, parse_kinds,
    parse_reactivation, parse_restore, parse_return, parse_seconds, parse_split, parse_tolerance,
    parse_update_scope, print_access, print_begin, print_days, print_end, print_extension, print_features,
    print_kinds, print_reactivation, print_restore, print_return, print_seconds, print_split,
    print_tolerance, print_update_scope,
};

const CODE_RULE: &str = "expected a whole number from 1 to 4294967295";

const fn id(error: InvalidId) -> InvalidTerms {
    InvalidTerms { option: error.what, rule: error.expected }
}

/// Reads an option that may be absent.
fn option<T, U>(
    value: Option<&T>,
    parse: impl FnOnce(&T) -> Result<U, InvalidTerms>,
) -> Result<Option<U>, InvalidTerms> {
    value.map(parse).transpose()
}

fn product_code(code: u32) -> Result<ProductCode, InvalidTerms> {
    ProductCode::new(code).ok_or(InvalidTerms { option: "product code", rule: CODE_RULE })
}

fn features(text: Option<&String>) -> Result<Option<u32>, InvalidTerms> {
    option(text, |text| parse_features("feature map", text))
}

/// The item a request describes, checked option by option.
///
/// # Errors
/// The first option that is not of its form or out of its range.
pub fn item_definition(request: &ItemRequest) -> Result<ItemDefinition, InvalidTerms> {
    let definition = ItemDefinition {
        id: ItemId::new(request.id.as_str()).map_err(id)?,
        name: Name::new(request.name.as_str()).map_err(id)?,
        firm_code: FirmCode::new(request.firm_code)
            .ok_or(InvalidTerms { option: "firm code", rule: CODE_RULE })?,
        product_code: product_code(request.product_code)?,
        terms: terms(request)?,
        policy: policy(request)?,
        update: update(request)?,
        requires: option(request.requires.as_ref(), |t| ItemId::new(t.as_str()).map_err(id))?,
    };
    definition.validate()?;
    Ok(definition)
}

fn terms(request: &ItemRequest) -> Result<LicenseTerms, InvalidTerms> {
    Ok(LicenseTerms {
        license_quantity: request.license_quantity.unwrap_or(1),
        access: option(request.access.as_ref(), |text| parse_access(text))?.unwrap_or_default(),
        feature_map: features(request.feature_map.as_ref())?,
        unit_counter: request.unit_counter,
        activation_time: option(request.activates.as_ref(), |t| parse_begin("activation time", t))?,
        expiration: option(request.expires.as_ref(), |t| parse_end("expiration", t))?,
        usage_period_days: option(request.usage_period.as_ref(), |t| parse_days("usage period", t))?,
        maintenance: option(request.maintenance.as_ref(), |t| parse_end("maintenance", t))?,
        linger_secs: option(request.linger.as_ref(), |t| parse_seconds("linger", t))?,
        borrow_days: option(request.borrow.as_ref(), |t| parse_days("borrow", t))?,
        text: Text::new(request.text.as_deref().unwrap_or_default()).map_err(id)?,
        modules: request.modules.iter().map(module).collect::<Result<_, _>>()?,
        tolerance: option(request.tolerance.as_ref(), |text| parse_tolerance(text))?,
    })
}

fn module(message: &ModuleMessage) -> Result<Module, InvalidTerms> {
    Ok(Module {
        product_code: product_code(message.product_code)?,
        name: Name::new(message.name.as_str()).map_err(id)?,
        feature_map: features(message.feature_map.as_ref())?,
    })
}

fn policy(request: &ItemRequest) -> Result<ItemPolicy, InvalidTerms> {
    let default = ItemPolicy::default();
    Ok(ItemPolicy {
        containers: option(request.containers.as_ref(), |kinds| parse_kinds(kinds))?
            .unwrap_or(default.containers),
        returns: option(request.returns.as_ref(), |t| parse_return(t))?.unwrap_or(default.returns),
        reactivation: option(request.reactivation.as_ref(), |t| parse_reactivation(t))?
            .unwrap_or(default.reactivation),
        restore: option(request.restore.as_ref(), |t| parse_restore(t))?.unwrap_or(default.restore),
        split: option(request.split.as_ref(), |t| parse_split(t))?.unwrap_or(default.split),
    })
}

/// What an update item changes. Options of an update without the item it updates are a mistake worth telling.
fn update(request: &ItemRequest) -> Result<Option<UpdateTerms>, InvalidTerms> {
    let Some(base) = &request.updates else {
        let texts =
            [&request.update_scope, &request.extend, &request.renew_maintenance, &request.set_feature_map];
        let orphan = texts.iter().any(|text| text.is_some())
            || request.add_features.is_some()
            || request.add_units.is_some()
            || request.add_quantity.is_some();
        let rule = "options of an update need the item it updates";
        return if orphan { Err(InvalidTerms { option: "updates", rule }) } else { Ok(None) };
    };
    let change = match (&request.set_feature_map, &request.add_features) {
        (Some(_), Some(_)) => {
            let rule = "set the feature map or add features, not both";
            return Err(InvalidTerms { option: "set feature map", rule });
        }
        (set, None) => features(set.as_ref())?.map(FeatureChange::Set),
        (None, add) => features(add.as_ref())?.map(FeatureChange::Add),
    };
    Ok(Some(UpdateTerms {
        base: ItemId::new(base.as_str()).map_err(id)?,
        scope: option(request.update_scope.as_ref(), |t| parse_update_scope(t))?.unwrap_or_default(),
        add_units: request.add_units,
        add_quantity: request.add_quantity,
        expiration: option(request.extend.as_ref(), |t| parse_extension("extend", t))?,
        maintenance: option(request.renew_maintenance.as_ref(), |t| parse_extension("renew maintenance", t))?,
        features: change,
    }))
}

/// The request that describes an item; options at their default are left out.
#[must_use]
pub fn item_request(item: &ItemDefinition) -> ItemRequest {
    let (terms, policy, default) = (&item.terms, &item.policy, ItemPolicy::default());
    let update = item.update.as_ref();
    let changes = update.and_then(|update| update.features);
    ItemRequest {
        id: item.id.as_str().to_owned(),
        name: item.name.as_str().to_owned(),
        firm_code: item.firm_code.get(),
        product_code: item.product_code.get(),
        license_quantity: (terms.license_quantity != 1).then_some(terms.license_quantity),
        expires: terms.expiration.map(print_end),
        activates: terms.activation_time.map(print_begin),
        usage_period: terms.usage_period_days.map(print_days),
        maintenance: terms.maintenance.map(print_end),
        unit_counter: terms.unit_counter,
        feature_map: terms.feature_map.map(print_features),
        text: (!terms.text.as_str().is_empty()).then(|| terms.text.as_str().to_owned()),
        containers: (policy.containers != ContainerKinds::BOTH).then(|| print_kinds(policy.containers)),
        tolerance: terms.tolerance.map(|tolerance| print_tolerance(tolerance).to_owned()),
        returns: (policy.returns != default.returns).then(|| print_return(policy.returns).to_owned()),
        reactivation: (policy.reactivation != default.reactivation)
            .then(|| print_reactivation(policy.reactivation)),
        restore: (policy.restore != default.restore).then(|| print_restore(policy.restore)),
        split: (policy.split != default.split).then(|| print_split(policy.split).to_owned()),
        access: (terms.access != AccessMode::default()).then(|| print_access(terms.access).to_owned()),
        borrow: terms.borrow_days.map(print_days),
        linger: terms.linger_secs.map(print_seconds),
        modules: terms.modules.iter().map(module_message).collect(),
        requires: item.requires.as_ref().map(ToString::to_string),
        updates: update.map(|update| update.base.to_string()),
        update_scope: update
            .filter(|update| update.scope != UpdateScope::default())
            .map(|update| print_update_scope(update.scope).to_owned()),
        add_units: update.and_then(|update| update.add_units),
        add_quantity: update.and_then(|update| update.add_quantity),
        extend: update.and_then(|update| update.expiration).map(print_extension),
        renew_maintenance: update.and_then(|update| update.maintenance).map(print_extension),
        set_feature_map: match changes {
            Some(FeatureChange::Set(bits)) => Some(print_features(bits)),
            Some(FeatureChange::Add(_)) | None => None,
        },
        add_features: match changes {
            Some(FeatureChange::Add(bits)) => Some(print_features(bits)),
            Some(FeatureChange::Set(_)) | None => None,
        },
    }
}

fn module_message(module: &Module) -> ModuleMessage {
    ModuleMessage {
        product_code: module.product_code.get(),
        name: module.name.as_str().to_owned(),
        feature_map: module.feature_map.map(print_features),
    }
}
