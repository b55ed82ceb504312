//! The name that was probably meant.

/// How alike two names must be to be worth a hint, from 0 to 1.
const ALIKE: f64 = 0.7;
/// Names are compared up to this many characters, and so many of them.
const LONGEST: usize = 64;
const MOST_NAMES: usize = 500;

/// The candidate that is most like `wanted`, if one is enough like it.
pub(crate) fn closest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = candidates.take(MOST_NAMES).map(|candidate| (likeness(wanted, candidate), candidate));
    let best = scored.max_by(|(a, x), (b, y)| a.total_cmp(b).then_with(|| y.cmp(x)))?;
    (best.0 >= ALIKE).then_some(best.1)
}

/// 1 for the same, 0 for nothing in common: by how many edits lead from one to the other.
fn likeness(a: &str, b: &str) -> f64 {
    let letters = |text: &str| text.chars().flat_map(char::to_lowercase).take(LONGEST).collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    let longest = u32::try_from(a.len().max(b.len())).unwrap_or(u32::MAX);
    if longest == 0 {
        return 1.0;
    }
    1.0 - f64::from(edits(&a, &b)) / f64::from(longest)
}

/// Levenshtein's distance.
fn edits(a: &[char], b: &[char]) -> u32 {
    let mut row: Vec<u32> = (0..).take(b.len() + 1).collect();
    for (x, above) in a.iter().zip(1..) {
        let mut diagonal = std::mem::replace(&mut row[0], above);
        for (index, y) in b.iter().enumerate() {
            let replaced = diagonal + u32::from(x != y);
            diagonal = row[index + 1];
            row[index + 1] = replaced.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_slip_of_the_pen_finds_the_name_that_was_meant() {
        let names = || ["projects", "clients", "projects_view"].into_iter();
        assert_eq!(closest("projectx", names()), Some("projects"));
        assert_eq!(closest("Clients", names()), Some("clients"));
        assert_eq!(closest("zebra", names()), None);
        assert_eq!(closest("x", std::iter::empty()), None);
    }
}
