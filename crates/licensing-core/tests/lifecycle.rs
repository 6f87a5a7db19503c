//! The table of `docs/lifecycle.md` is what the code does.

use licensing_core::activation::ActivationState;
use licensing_core::error::InvalidTransition;
use licensing_core::step::StepId;
use licensing_core::time::Timestamp;

const STEP: StepId = StepId([1; 32]);
const PROOF: [u8; 32] = [2; 32];
const NOW: Timestamp = Timestamp::from_secs(7);

fn cell(outcome: &Result<ActivationState, InvalidTransition>) -> &'static str {
    outcome.as_ref().map_or("refused", ActivationState::name)
}

#[test]
fn the_page_shows_every_transition() {
    let states = [
        ActivationState::Activating { step: STEP },
        ActivationState::Active { activated_at: NOW, proof: PROOF },
        ActivationState::Returning { activated_at: NOW, step: STEP },
        ActivationState::Returned { returned_at: NOW, proof: PROOF },
        ActivationState::Consumed { activated_at: NOW, proof: PROOF },
        ActivationState::Cancelled { cancelled_at: NOW, proof: PROOF },
        ActivationState::Superseded { superseded_at: NOW },
    ];
    let mut table = String::from(
        "| state | a step that removes it is issued | a context proves the pending step | the same, of an update \
         | a context proves a competing step | re-activation, restore |\n|---|---|---|---|---|---|\n",
    );
    for state in states {
        let cells = [
            state.returning(STEP),
            state.proven(false, NOW, PROOF, NOW),
            state.proven(true, NOW, PROOF, NOW),
            state.void(PROOF, NOW),
            state.superseded(NOW),
        ];
        table.push_str(&format!("| {} |", state.name()));
        for outcome in &cells {
            table.push_str(&format!(" {} |", cell(outcome)));
        }
        table.push('\n');
    }
    assert!(
        include_str!("../../../docs/lifecycle.md").contains(&table),
        "docs/lifecycle.md must contain\n{table}"
    );
}

#[test]
fn a_refused_transition_names_itself() {
    let refused = ActivationState::Returned { returned_at: NOW, proof: PROOF }.returning(STEP);
    let Err(refused) = refused else { unreachable!("a returned share cannot be returned") };
    assert_eq!((refused.entity, refused.from, refused.event), ("activation", "returned", "return"));
}
