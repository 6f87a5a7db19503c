//! Items: the minimal master data. An item id is the part number the vendor's ERP already uses.

use crate::changeset::{Change, ChangeSet};
use crate::event::{Action, Actor, Event};
use crate::ids::{ContainerKind, FirmCode, ItemId, Name, ProductCode};
use crate::limits::PERIOD_DAYS_MAX;
use crate::refusal::Refusal;
use crate::terms::{InvalidTerms, LicenseTerms};
use crate::update_item::UpdateTerms;

/// Which kinds of container may hold a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerKinds {
    /// Dongles may.
    pub dongle: bool,
    /// Act licenses may.
    pub act: bool,
}

impl ContainerKinds {
    /// Both kinds.
    pub const BOTH: Self = Self { dongle: true, act: true };

    /// Whether `kind` is among them.
    #[must_use]
    pub const fn allows(self, kind: ContainerKind) -> bool {
        match kind {
            ContainerKind::Dongle => self.dongle,
            ContainerKind::Act => self.act,
        }
    }
}

/// Whether the user may return a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnPolicy {
    /// The user may return it himself.
    Allowed,
    /// Never.
    Denied,
    /// The vendor approves each return.
    Approval,
}

/// Whether the user may activate a second time without having returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReactivationPolicy {
    /// Never.
    Never,
    /// Always.
    Always,
    /// Once this many days have passed since the activation.
    AfterDays(u32),
    /// The vendor approves each re-activation.
    Approval,
}

/// Whether the user may restore a whole act license after a reinstallation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestorePolicy {
    /// Never.
    Never,
    /// Always.
    Always,
    /// Once this many days have passed since the activation.
    AfterDays(u32),
}

/// What the user may do with the licenses of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemPolicy {
    /// Kinds of container that may hold the license.
    pub containers: ContainerKinds,
    /// Returning.
    pub returns: ReturnPolicy,
    /// Re-activation.
    pub reactivation: ReactivationPolicy,
    /// Restore of a whole container.
    pub restore: RestorePolicy,
    /// Whether a quantity may be spread over several containers.
    pub split: bool,
}

impl Default for ItemPolicy {
    fn default() -> Self {
        Self {
            containers: ContainerKinds::BOTH,
            returns: ReturnPolicy::Allowed,
            reactivation: ReactivationPolicy::Never,
            restore: RestorePolicy::Never,
            split: true,
        }
    }
}

/// What one ordered license is: product, options, policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemDefinition {
    /// The vendor's part number.
    pub id: ItemId,
    /// Display name.
    pub name: Name,
    /// The vendor.
    pub firm_code: FirmCode,
    /// The product.
    pub product_code: ProductCode,
    /// License options.
    pub terms: LicenseTerms,
    /// What users may do.
    pub policy: ItemPolicy,
    /// What it changes, when it is an update item.
    pub update: Option<UpdateTerms>,
    /// The item without a license of which, in the same container, this module cannot be activated.
    pub requires: Option<ItemId>,
}

impl ItemDefinition {
    /// Checks the definition.
    ///
    /// # Errors
    /// The first option that is out of its range.
    pub fn validate(&self) -> Result<(), InvalidTerms> {
        self.terms.validate()?;
        let days_ok = |days: u32| (1..=PERIOD_DAYS_MAX).contains(&days);
        let invalid = |option| Err(InvalidTerms { option, rule: "days must be from 1 to 36525" });
        match self.policy.reactivation {
            ReactivationPolicy::AfterDays(days) if !days_ok(days) => return invalid("re-activation"),
            _ => {}
        }
        match self.policy.restore {
            RestorePolicy::AfterDays(days) if !days_ok(days) => return invalid("restore"),
            _ => {}
        }
        if !self.policy.containers.dongle && !self.policy.containers.act {
            return Err(InvalidTerms { option: "containers", rule: "at least one kind of container" });
        }
        if self.requires.as_ref() == Some(&self.id) {
            return Err(InvalidTerms { option: "requires", rule: "must be another item" });
        }
        match &self.update {
            Some(update) if update.base == self.id => {
                Err(InvalidTerms { option: "updates", rule: "must be another item" })
            }
            Some(update) => update.validate(),
            None => Ok(()),
        }
    }
}

/// An item as stored: orders take a snapshot of the definition, so a later change never alters licenses
/// that were already sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The definition.
    pub definition: ItemDefinition,
    /// When it was created.
    pub created_at: crate::time::Timestamp,
    /// Storage version; 0 before the first commit.
    pub version: u64,
}

/// What to do with a new item.
#[derive(Debug)]
pub enum Created {
    /// A new item: commit the change set.
    New(Item, ChangeSet),
    /// The very same item exists already.
    Exists(Item),
}

impl ItemDefinition {
    /// Decides about a new item; `existing` is the item stored under the same id.
    ///
    /// # Errors
    /// The definition is out of range, or the id is taken by another definition.
    pub fn create(
        self,
        existing: Option<Item>,
        actor: &Actor,
        now: crate::time::Timestamp,
    ) -> Result<Created, Refusal> {
        self.validate()?;
        if let Some(item) = existing {
            if item.definition == self {
                return Ok(Created::Exists(item));
            }
            return Err(Refusal::ItemExists(self.id));
        }
        let item = Item { definition: self, created_at: now, version: 0 };
        let mut changes = ChangeSet::default();
        changes.push(Change::PutItem(item.clone()));
        let mut event = Event::new(Action::ItemCreated, actor, now);
        event.detail = item.definition.id.as_str().to_owned();
        changes.events.push(event);
        Ok(Created::New(item, changes))
    }
}
