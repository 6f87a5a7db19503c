//! The audit of a container against the books: does it hold exactly what the activations say?

use std::collections::BTreeMap;

use crate::activation::{Activation, ActivationState};
use crate::container::{FirmRecord, PendingStep};
use crate::format::context::VerifiedContext;
use crate::ids::{EntryId, LicenseId};
use crate::step::{Operation, Step};

/// What a container and the books disagree about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The books have more licenses in a product item than the container holds: some are lost.
    Lost {
        /// The license.
        license: LicenseId,
        /// What the books have.
        booked: u32,
        /// What the container holds.
        held: u32,
    },
    /// The container holds more than the books have there: some are doubled.
    Doubled {
        /// The license.
        license: LicenseId,
        /// What the books have.
        booked: u32,
        /// What the container holds.
        held: u32,
    },
    /// The container is at a place in its chain that the books do not know.
    UnknownPlace {
        /// Its counter.
        counter: u64,
        /// The proven counter.
        confirmed: u64,
    },
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost { license, booked, held } => {
                write!(f, "lost: license {license}: {booked} in the books, {held} in the container")
            }
            Self::Doubled { license, booked, held } => {
                write!(f, "doubled: license {license}: {booked} in the books, {held} in the container")
            }
            Self::UnknownPlace { counter, confirmed } => {
                write!(
                    f,
                    "the container is at counter {counter} of a history the books do not know; {confirmed} is proven"
                )
            }
        }
    }
}

/// What the books say about one product item.
#[derive(Default)]
struct Booked {
    license: Option<LicenseId>,
    /// So many must be there.
    live: u32,
    /// So many more may be there: given up for lost, and perhaps not lost.
    superseded: u32,
}

/// Compares what a context states with the books: `activations` are all of its firm item that are live or superseded.
///
/// `None` when the context is older than the newest proof: it says nothing about the present. An excess is no difference
/// while a step that takes it out is on its way.
#[must_use]
pub fn compare(
    firm: &FirmRecord,
    activations: &[Activation],
    context: &VerifiedContext,
) -> Option<Vec<Difference>> {
    let (link, confirmed) = (context.body().link, firm.confirmed.counter);
    let Some(applied) = firm.path(link) else {
        let unknown = Difference::UnknownPlace { counter: link.counter, confirmed };
        return (link.counter >= confirmed).then(|| vec![unknown]);
    };
    let coming: Vec<Operation> = firm
        .pending
        .iter()
        .chain(&firm.voided)
        .filter(|step| !applied.iter().any(|done| done.id == step.id))
        .filter_map(|step| Step::parse(&step.bytes).ok())
        .flat_map(|step| step.operations)
        .collect();
    let mut books: BTreeMap<EntryId, Booked> = BTreeMap::new();
    for activation in activations.iter().filter(|a| a.update.is_none()) {
        let booked = books.entry(unsplit(activation.entry, &coming)).or_default();
        booked.license = Some(activation.license);
        match activation.state {
            ActivationState::Superseded { .. } => booked.superseded += activation.quantity,
            _ if is_in(activation, &applied) => booked.live += activation.quantity,
            _ => {}
        }
    }
    let mut differences = Vec::new();
    for product in &context.body().products {
        let booked = books.remove(&product.entry).unwrap_or_default();
        let (license, held) = (product.license, product.quantity);
        if held < booked.live {
            differences.push(Difference::Lost { license, booked: booked.live, held });
        } else if held > booked.live + booked.superseded && !is_swept(product.entry, booked.live, &coming) {
            differences.push(Difference::Doubled { license, booked: booked.live, held });
        }
    }
    for booked in books.into_values().filter(|booked| booked.live > 0) {
        if let Some(license) = booked.license {
            differences.push(Difference::Lost { license, booked: booked.live, held: 0 });
        }
    }
    Some(differences)
}

/// Whether an activation is in its container once these steps are applied.
fn is_in(activation: &Activation, applied: &[PendingStep]) -> bool {
    let done = |id| applied.iter().any(|step| step.id == id);
    match activation.state {
        ActivationState::Active { .. } => true,
        ActivationState::Activating { step } => done(step),
        ActivationState::Returning { step, .. } => !done(step),
        ActivationState::Returned { .. }
        | ActivationState::Consumed { .. }
        | ActivationState::Cancelled { .. }
        | ActivationState::Superseded { .. } => false,
    }
}

/// The product item a share is still in while the step that splits it off is not applied.
fn unsplit(mut entry: EntryId, coming: &[Operation]) -> EntryId {
    // Newest first: a part may have been split off from a part.
    for operation in coming.iter().rev() {
        match operation {
            Operation::Split { entry: from, into, .. } if *into == entry => entry = *from,
            _ => {}
        }
    }
    entry
}

fn is_swept(entry: EntryId, booked: u32, coming: &[Operation]) -> bool {
    coming.iter().any(|operation| match operation {
        Operation::Remove { entry: removed } => *removed == entry && booked == 0,
        Operation::SetQuantity { entry: set, quantity } => *set == entry && *quantity == booked,
        _ => false,
    })
}
