//! Guesses at what was meant.
//!
//! In: an unknown name and the names there are. Out: the nearest, if it is near.
//! Deliberately not here: where the names come from.

/// The candidate with the smallest edit distance, at most a third of the name's length; ties go to the first in
/// alphabetical order.
pub(crate) fn nearest<'n>(name: &str, candidates: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let limit = (name.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate.len().abs_diff(name.len()) > limit || candidate == name {
            continue;
        }
        let distance = distance(name, candidate);
        if distance <= limit && best.is_none_or(|known| (distance, candidate) < known) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Levenshtein's distance over bytes, with swaps of neighbours as one step.
pub(crate) fn distance(left: &str, right: &str) -> usize {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (i, &a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &b) in right.iter().enumerate() {
            let mut cost = (above[j] + usize::from(a != b)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a == right[j - 1] && left[i - 1] == b {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn finds_near_names_only() {
        assert_eq!(nearest("sources", ["source", "headers"].into_iter()), Some("source"));
        assert_eq!(nearest("header", ["source", "headers"].into_iter()), Some("headers"));
        assert_eq!(nearest("totl", ["total", "other"].into_iter()), Some("total"));
        assert_eq!(nearest("pritn", ["print"].into_iter()), Some("print"));
        assert_eq!(nearest("x", ["total"].into_iter()), None);
    }
    #[test]
    fn a_letter_more_less_or_other_is_one_step() {
        for (known, name) in [("regex", "regx"), ("regex", "regexp"), ("regex", "ragex"), ("regex", "rgeex")] {
            assert_eq!(distance(known, name), 1, "{name}");
        }
        for (known, name) in [("regex", "rgx"), ("regex", "xyzzy"), ("regex", "exreg")] {
            assert!(distance(known, name) > 1, "{name}");
        }
    }
}
