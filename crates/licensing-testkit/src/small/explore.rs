//! Breadth first through every state that can be reached.

use std::collections::{HashMap, HashSet};

use crate::small::Bounds;
use crate::small::key::Key;
use crate::small::world::{Act, World};

/// What was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Explored {
    /// Different states.
    pub states: u64,
    /// Transitions between them.
    pub transitions: u64,
    /// Longest shortest way to a state.
    pub depth: u64,
    /// States, messages aside, from which everything was finished.
    pub finished: u64,
    /// Whether these are all states there are. If not, they are all within `depth` steps from the beginning.
    pub complete: bool,
}

/// The shortest way to a state in which something does not hold.
#[derive(Debug, Clone)]
pub struct Counterexample {
    /// What does not hold.
    pub what: String,
    /// What happened, in order.
    pub acts: Vec<Act>,
}

impl std::fmt::Display for Counterexample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.what)?;
        self.acts.iter().enumerate().try_for_each(|(at, act)| writeln!(f, "{:3} {act:?}", at + 1))
    }
}

/// Explores the whole world within the bounds, checking safety and liveness in every state.
///
/// # Errors
/// The shortest history that ends in a violation.
///
/// # Panics
/// More than about `most` states: the bounds are not what they should be.
pub fn explore(bounds: Bounds, most: u64) -> Result<Explored, Counterexample> {
    let explored = explore_near(bounds, most)?;
    assert!(explored.complete, "more than {most} states within {bounds:?}");
    Ok(explored)
}

/// Explores everything that is near the beginning: step by step, until there is nothing left or `most` states were seen.
/// The last step is always gone to its end, and may add as many again.
///
/// # Errors
/// As [`explore`].
pub fn explore_near(bounds: Bounds, most: u64) -> Result<Explored, Counterexample> {
    let start = World::new(bounds);
    let mut from: From = HashMap::from([(start.key(), None)]);
    let mut finished: HashSet<Key> = HashSet::new();
    let mut explored = Explored { states: 1, ..Explored::default() };
    let mut layer = vec![start];
    while !layer.is_empty() && explored.states < most {
        let mut next = Vec::new();
        for world in layer {
            let here = world.key();
            for (act, after) in successors(&world, &from, here)? {
                let failed = |what| Counterexample { what, acts: history(&from, here, act) };
                explored.transitions += 1;
                let key = after.key();
                if from.contains_key(&key) {
                    continue;
                }
                after.safe().map_err(failed)?;
                if finished.insert(after.settled_key()) {
                    after.finishes().map_err(failed)?;
                }
                from.insert(key, Some((here, act)));
                explored.states += 1;
                next.push(after);
            }
        }
        explored.depth += 1;
        layer = next;
    }
    explored.complete = layer.is_empty();
    explored.finished = finished.len() as u64;
    Ok(explored)
}

type From = HashMap<Key, Option<(Key, Act)>>;

fn successors(world: &World, from: &From, here: Key) -> Result<Vec<(Act, World)>, Counterexample> {
    let mut out = Vec::new();
    for act in world.acts() {
        let mut after = world.clone();
        after.act(act).map_err(|what| Counterexample { what, acts: history(from, here, act) })?;
        out.extend(after.unanswered(act, world));
        out.push((act, after));
    }
    Ok(out)
}

fn history(from: &From, end: Key, last: Act) -> Vec<Act> {
    let mut acts = vec![last];
    let mut at = end;
    while let Some(Some((before, act))) = from.get(&at) {
        acts.push(*act);
        at = *before;
    }
    acts.reverse();
    acts
}
