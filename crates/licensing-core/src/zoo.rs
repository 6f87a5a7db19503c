//! Deliberate defects, so that it can be shown that the proofs would find them: a proof that cannot fail proves
//! nothing. Without the feature `zoo` there is none, and with it at most one at a time, in the thread that asked.

#[cfg(all(feature = "zoo", not(debug_assertions)))]
compile_error!("the feature `zoo` makes the core wrong on purpose and must never be in a release build");

/// A deliberate defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A return is booked as proven when it is issued.
    FreeBeforeProof,
    /// A container takes a step that fits a later counter.
    SkipCounter,
    /// A container compares the counter of a step and not the digest.
    SkipDigest,
    /// Steps that are proven dead stay pending for those who wait for them.
    ForgetVoid,
    /// A proven return is not noted with the activation, so that it can be settled again.
    SettleTwice,
    /// The versions of stored rows are not compared when a decision is committed.
    TwoWinners,
    /// A container that is behind what it has proven is believed.
    RollbackAccepted,
    /// The order of contexts is not looked at.
    OrderIgnored,
    /// A container uses a sequence number twice.
    SequenceReused,
    /// What a container says a removal took out is not looked at.
    RemovalUnitsIgnored,
    /// A container forgets removals before the server has confirmed them.
    RemovalsForgotten,
    /// Metered shares with the same remainder become one share with that remainder.
    MergeMetered,
    /// The container a license was re-activated out of is not blacklisted.
    NotBlacklisted,
    /// A locked firm item can be used.
    LockIgnored,
    /// A re-activation does not look at the policy.
    ReactivationUnasked,
    /// A replacement is exchanged in two steps.
    SwapInTwoSteps,
    /// What a cancelled exchange would have brought is available as well as what it would have taken.
    CancelledExchangeGrows,
    /// A withdrawn license goes back to the customer when it leaves its container.
    WithdrawalFreed,
    /// Every part of an updated share gets all that the update adds.
    UpdateTwice,
    /// A grant is not used up.
    GrantKept,
    /// An update carries the newest step only.
    NewestStepOnly,
    /// The steps that a cancellation replaces are forgotten.
    CancelForgets,
    /// Replaced steps that follow a proven one are not taken up again.
    NotRevived,
    /// A lock is issued where its container is not.
    LockOffTheWay,
    /// What comes back of a license that was replaced meanwhile is not made good.
    ReplacedIsLost,
    /// A return that was cancelled is counted as gone before anything proves it.
    CancelledReturnGoes,
    /// An update is issued for a license whose activation was cancelled.
    UpdateOfCancelled,
    /// An update on its way to a license that is given up stays on its way for ever.
    UpdateStranded,
    /// A part of an entry is taken out as if nothing else of it stayed.
    WholeEntryRemoved,
}

/// Every defect: what it is, where it sits.
pub const BUGS: [(Bug, &str, &str); 29] = [
    (Bug::FreeBeforeProof, "a return is booked as proven when it is issued", "work/withdraw.rs"),
    (Bug::SkipCounter, "a container takes a step that fits a later counter", "device/apply.rs"),
    (Bug::SkipDigest, "a container compares the counter of a step and not the digest", "device/apply.rs"),
    (Bug::ForgetVoid, "steps that are proven dead keep those waiting who wait for them", "work/settle.rs"),
    (Bug::SettleTwice, "a proven return is not noted with the activation", "work/settle.rs"),
    (Bug::TwoWinners, "versions of rows are not compared at the commit", "the store"),
    (Bug::RollbackAccepted, "a container that is behind what it has proven is believed", "work/settle.rs"),
    (Bug::OrderIgnored, "the order of contexts is not looked at", "work/settle.rs"),
    (Bug::SequenceReused, "a container uses a sequence number twice", "device/context.rs"),
    (Bug::RemovalUnitsIgnored, "what a removal took out is not looked at", "work/settle.rs"),
    (Bug::RemovalsForgotten, "a container forgets removals before they are confirmed", "device/apply.rs"),
    (Bug::MergeMetered, "metered shares with the same remainder become one", "license/ledger.rs"),
    (Bug::NotBlacklisted, "a re-activation leaves the old container in service", "work/reactivate.rs"),
    (Bug::LockIgnored, "a locked firm item can be used", "device/usage.rs"),
    (Bug::ReactivationUnasked, "a re-activation does not look at the policy", "work/reactivate.rs"),
    (Bug::SwapInTwoSteps, "a replacement is exchanged in two steps", "work/assign.rs"),
    (Bug::CancelledExchangeGrows, "a cancelled exchange leaves both licenses", "work/cancel.rs"),
    (Bug::WithdrawalFreed, "a withdrawn license goes back to the customer", "activation.rs"),
    (Bug::UpdateTwice, "every part of a share gets all that an update adds", "work/updates.rs"),
    (Bug::GrantKept, "a grant is not used up", "work/consent.rs"),
    (Bug::NewestStepOnly, "an update carries the newest step only", "work.rs"),
    (Bug::CancelForgets, "the steps a cancellation replaces are forgotten", "work/cancel.rs"),
    (Bug::NotRevived, "replaced steps after a proven one are not taken up again", "container.rs"),
    (Bug::LockOffTheWay, "a lock is issued where its container is not", "work/settle.rs"),
    (Bug::ReplacedIsLost, "what comes back of a replaced license is not made good", "work/assign.rs"),
    (Bug::CancelledReturnGoes, "a cancelled return is counted as gone", "work.rs"),
    (Bug::UpdateOfCancelled, "a license whose activation was cancelled is updated", "work.rs"),
    (Bug::UpdateStranded, "an update of a license that is given up is lost with it", "work/reactivate.rs"),
    (Bug::WholeEntryRemoved, "a part of an entry takes the whole entry out", "work/give_back.rs"),
];

#[cfg(feature = "zoo")]
thread_local! {
    static LOOSE: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Lets a defect loose in this thread, or none.
#[cfg(feature = "zoo")]
pub fn let_loose(bug: Option<Bug>) {
    LOOSE.with(|loose| loose.set(bug));
}

/// Whether a defect is loose. Without the feature the answer is a constant and nothing of it remains in the program.
#[cfg(feature = "zoo")]
#[must_use]
pub fn has(bug: Bug) -> bool {
    LOOSE.with(|loose| loose.get() == Some(bug))
}

/// Whether a defect is loose. Without the feature the answer is a constant and nothing of it remains in the program.
#[cfg(not(feature = "zoo"))]
#[must_use]
pub const fn has(_bug: Bug) -> bool {
    false
}
