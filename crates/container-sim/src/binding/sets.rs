//! Minimal qualifying sets.

/// Every set of weights that reaches `threshold` and from which nothing can be left out, heaviest first: the
/// set that is most likely to match is tried first.
pub(super) fn minimal(weights: &[u8], threshold: u16) -> Vec<u16> {
    let count = weights.len().min(15);
    let weight_of = |set: u16| -> u16 {
        weights
            .iter()
            .take(count)
            .enumerate()
            .filter(|(at, _)| set >> at & 1 == 1)
            .map(|(_, w)| u16::from(*w))
            .sum()
    };
    let is_minimal = |set: u16| {
        let weight = weight_of(set);
        let lightest = weights
            .iter()
            .take(count)
            .enumerate()
            .filter(|(at, _)| set >> at & 1 == 1)
            .map(|(_, w)| u16::from(*w))
            .min();
        weight >= threshold && lightest.is_some_and(|lightest| weight - lightest < threshold)
    };
    let mut sets: Vec<u16> = (1..1u16 << count).filter(|set| is_minimal(*set)).collect();
    sets.sort_by_key(|set| (std::cmp::Reverse(weight_of(*set)), *set));
    sets
}

#[cfg(test)]
mod tests {
    use super::minimal;

    #[test]
    fn sets_are_minimal_and_complete() {
        let weights = [5, 4, 4, 3, 3, 3];
        for threshold in 1..=22 {
            let sets = minimal(&weights, threshold);
            let weight = |set: u16| -> u16 {
                (0..6).filter(|at| set >> at & 1 == 1).map(|at| u16::from(weights[at])).sum()
            };
            for set in 1..64u16 {
                let covered = sets.iter().any(|minimal| minimal & set == *minimal);
                assert_eq!(covered, weight(set) >= threshold, "set {set:b}, threshold {threshold}");
            }
            for a in &sets {
                assert!(sets.iter().all(|b| a == b || a & b != *b), "{a:b} is not minimal");
            }
        }
        assert_eq!(minimal(&[3], 2), [1]);
    }
}
