//! The small world of two containers and a license of quantity two, explored completely: see
//! `licensing_testkit::small`. Each test is one corner of it; together they have every transition of the core.

use licensing_testkit::proof::{self, Figures};
use licensing_testkit::small::{Bounds, explore, explore_near};

/// The corners, small enough for every run.
pub(crate) mod corner {
    use licensing_testkit::small::Bounds;

    const SMALL: Bounds =
        Bounds { contexts: 2, steps: 2, in_flight: 1, crashes: false, ..Bounds::transfers() };
    pub(crate) const TRANSFERS: Bounds = Bounds { in_flight: 2, crashes: true, ..SMALL };
    pub(crate) const CANCEL: Bounds = Bounds { cancel: true, steps: 4, ..SMALL };
    pub(crate) const REACTIVATE: Bounds = Bounds { cancel: true, reactivate: true, ..SMALL };
    pub(crate) const RESTORE: Bounds = Bounds { restore: true, ..SMALL };
    pub(crate) const VENDOR: Bounds = Bounds { vendor: 2, cancel: true, ..SMALL };
    pub(crate) const REPLACE: Bounds = Bounds { replace: true, cancel: true, steps: 3, ..SMALL };
    pub(crate) const REPLACE_LOST: Bounds =
        Bounds { replace: true, reactivate: true, cancel: true, contexts: 1, steps: 3, ..SMALL };
    pub(crate) const REPLACED_BACK: Bounds =
        Bounds { replace: true, vendor: 2, contexts: 1, steps: 3, ..SMALL };
    pub(crate) const ASSIGNED: Bounds = Bounds { assigned: true, ..SMALL };
    pub(crate) const ROLLBACK: Bounds = Bounds { rollback: true, cancel: true, ..SMALL };
    pub(crate) const RACES: Bounds = Bounds { races: true, crashes: true, ..SMALL };
    pub(crate) const TOGETHER: Bounds = Bounds {
        contexts: 1,
        cancel: true,
        reactivate: true,
        restore: true,
        vendor: 1,
        replace: true,
        assigned: true,
        rollback: true,
        races: true,
        ..SMALL
    };
}

/// Most states of a corner in every run; and where a long run stops to go further from the beginning.
const MOST: (u64, u64) = (1_000_000, 2_000_000);

fn hold(name: &'static str, what: &'static str, bounds: Bounds, long: bool) {
    proof::commit();
    let explored = if long { explore_near(bounds, MOST.1) } else { explore(bounds, MOST.0) };
    let explored = explored.unwrap_or_else(|found| panic!("{found}"));
    let unit = if explored.complete { "states" } else { "states, all near the beginning" };
    let more = vec![
        ("transitions", explored.transitions),
        ("steps to the farthest state", explored.depth),
        ("of them different without messages, and finished by two contacts", explored.finished),
    ];
    Figures { name, what, count: explored.states, unit, seeds: None, more }.tell();
}

macro_rules! corners {
    ($($name:ident, $long:ident: $bounds:ident, $file:literal, $what:literal;)*) => {
        $(
            #[test]
            fn $name() {
                hold(concat!("small-model-", $file), $what, corner::$bounds, false);
            }

            #[test]
            #[ignore = "the larger bounds of `cargo xtask test --long`"]
            fn $long() {
                let bounds = corner::$bounds;
                let bounds = Bounds { contexts: bounds.contexts + 1, steps: bounds.steps + 1, ..bounds };
                hold(concat!("small-model-long-", $file), $what, bounds, true);
            }
        )*
    };
}

corners! {
    transfers, transfers_long: TRANSFERS, "transfers", "activate and return, both sides crash";
    cancel, cancel_long: CANCEL, "cancel", "cancelled transfers";
    reactivate, reactivate_long: REACTIVATE, "reactivate", "re-activation";
    restore, restore_long: RESTORE, "restore", "one container restored into the other";
    vendor, vendor_long: VENDOR, "vendor", "withdrawn, and the vendor changes his mind";
    replace, replace_long: REPLACE, "replace", "replaced, and exchanges cancelled";
    replace_lost, replace_lost_long: REPLACE_LOST, "replace-lost", "replaced and re-activated";
    replaced_back, replaced_back_long: REPLACED_BACK, "replaced-back", "replaced, and the replacement withdrawn";
    assigned, assigned_long: ASSIGNED, "assigned", "automatic update";
    rollback, rollback_long: ROLLBACK, "rollback", "a container put back to an earlier copy";
    races, races_long: RACES, "races", "two requests decided on the same facts";
    together, together_long: TOGETHER, "together", "everything at once, one context each";
}
