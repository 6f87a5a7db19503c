//! Every deliberate defect of the core is found by a test that passes without it.

#[path = "ceremony.rs"]
mod ceremony;
#[path = "model.rs"]
mod histories;
#[path = "metering.rs"]
mod metering;
#[path = "small_model.rs"]
mod small_model;
#[path = "whole_life.rs"]
mod whole_life;

use std::panic::{AssertUnwindSafe, catch_unwind};

use licensing_core::zoo::{BUGS, Bug, let_loose};
use licensing_testkit::small::{Bounds, explore};
use small_model::corner;

/// What finds a defect.
enum Finder {
    /// A corner of the small world: the name of its test, and its bounds.
    Model(&'static str, Bounds),
    /// Random histories of `model.rs`.
    Histories,
    /// A single test.
    Test(&'static str, fn()),
}

fn finder(bug: Bug) -> Finder {
    use Finder::{Histories, Model, Test};
    match bug {
        Bug::FreeBeforeProof | Bug::NewestStepOnly | Bug::SettleTwice => {
            Model("transfers", corner::TRANSFERS)
        }
        Bug::OrderIgnored | Bug::SequenceReused | Bug::WholeEntryRemoved => {
            Model("transfers", corner::TRANSFERS)
        }
        Bug::SkipDigest
        | Bug::ForgetVoid
        | Bug::CancelForgets
        | Bug::NotRevived
        | Bug::CancelledReturnGoes => Model("cancel", corner::CANCEL),
        Bug::TwoWinners => Model("races", corner::RACES),
        Bug::RollbackAccepted | Bug::SkipCounter => Model("rollback", corner::ROLLBACK),
        Bug::NotBlacklisted | Bug::LockOffTheWay => Model("reactivate", corner::REACTIVATE),
        Bug::WithdrawalFreed => Model("vendor", corner::VENDOR),
        Bug::CancelledExchangeGrows | Bug::ReplacedIsLost => Model("replace", corner::REPLACE),
        Bug::RemovalUnitsIgnored | Bug::UpdateOfCancelled | Bug::UpdateStranded => Histories,
        Bug::RemovalsForgotten => {
            Test("ceremony::units_come_home_to_the_last_one", ceremony::units_come_home_to_the_last_one)
        }
        Bug::LockIgnored | Bug::ReactivationUnasked => Test(
            "whole_life::a_reactivation_follows_its_policy_and_locks_the_old_container",
            whole_life::a_reactivation_follows_its_policy_and_locks_the_old_container,
        ),
        Bug::SwapInTwoSteps => Test(
            "whole_life::a_replacement_is_exchanged_in_one_step",
            whole_life::a_replacement_is_exchanged_in_one_step,
        ),
        Bug::MergeMetered => Test(
            "metering::shares_with_the_same_units_left_keep_both",
            metering::shares_with_the_same_units_left_keep_both,
        ),
        Bug::UpdateTwice => Test(
            "metering::an_update_of_an_entry_in_two_parts_adds_once",
            metering::an_update_of_an_entry_in_two_parts_adds_once,
        ),
        Bug::GrantKept => Test(
            "whole_life::a_return_may_need_the_vendor_once_each",
            whole_life::a_return_may_need_the_vendor_once_each,
        ),
    }
}

impl Finder {
    fn name(&self) -> String {
        match self {
            Self::Model(name, _) => format!("small_model::{name}"),
            Self::Histories => "model::nothing_is_ever_lost_or_doubled".to_owned(),
            Self::Test(name, _) => (*name).to_owned(),
        }
    }

    /// Whether it finds something wrong.
    fn finds(&self) -> bool {
        let run = || match self {
            Self::Model(_, bounds) => explore(*bounds, 1_000_000).is_err(),
            Self::Histories => histories::play(2_000, false).is_err(),
            Self::Test(_, test) => {
                test();
                false
            }
        };
        // Contradictory books may also show as a panic.
        catch_unwind(AssertUnwindSafe(run)).unwrap_or(true)
    }
}

/// That the finders are silent without a defect is what their own tests show.
#[test]
fn every_defect_is_found() {
    let missed: Vec<Bug> = BUGS
        .iter()
        .map(|(bug, ..)| *bug)
        .filter(|bug| {
            let at = std::time::Instant::now();
            let_loose(Some(*bug));
            let found = finder(*bug).finds();
            let_loose(None);
            println!(
                "{bug:?}: {} by {} in {} ms",
                if found { "found" } else { "MISSED" },
                finder(*bug).name(),
                at.elapsed().as_millis()
            );
            !found
        })
        .collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn the_page_lists_every_defect() {
    let mut table = String::from("| defect | where | found by |\n|---|---|---|\n");
    for (bug, what, place) in BUGS {
        table.push_str(&format!("| {what} | `{place}` | `{}` |\n", finder(bug).name()));
    }
    assert!(include_str!("../../../docs/zoo.md").contains(&table), "docs/zoo.md must contain\n{table}");
}
