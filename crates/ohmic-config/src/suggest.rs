//! The known name that a mistyped one was probably meant to be.

/// Number of single-character insertions, deletions, replacements and swaps of neighbours that lead
/// from `a` to `b` (optimal string alignment).
pub fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let width = b.len() + 1;
    let mut d = vec![0usize; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            d[i * width + j] = if i == 0 || j == 0 {
                i.max(j)
            } else {
                let replace = d[(i - 1) * width + j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = replace.min(d[(i - 1) * width + j] + 1).min(d[i * width + j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(d[(i - 2) * width + j - 2] + 1);
                }
                best
            };
        }
    }
    d[a.len() * width + b.len()]
}

/// The name in `known` nearest to `name`, if it is near enough to be meant: at most a third of the
/// longer name differs, or one name begins with the other. Case, `-` and `_` do not count. Ties go
/// to the first.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |s: &str| s.to_lowercase().replace('-', "_");
    let wanted = plain(name);
    known
        .into_iter()
        .filter_map(|candidate| {
            let plain = plain(candidate);
            let longer = wanted.chars().count().max(plain.chars().count());
            let distance = edit_distance(&wanted, &plain);
            let begins = wanted.len() >= 3
                && plain.len() >= 3
                && (plain.starts_with(&wanted) || wanted.starts_with(&plain));
            (distance <= longer.div_ceil(3) && distance < longer || begins).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_by_hand() {
        // insert s; swap two; replace k-s, e-i, insert g; nothing shared
        for (a, b, d) in [
            ("bit", "bits", 1),
            ("btis", "bits", 1),
            ("kitten", "sitting", 3),
            ("", "ab", 2),
            ("abc", "xyz", 3),
        ] {
            assert_eq!(edit_distance(a, b), d, "{a} {b}");
        }
    }

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["bits", "range", "percentile", "sigma_lsb"];
        assert_eq!(nearest("bit", known), Some("bits"));
        assert_eq!(nearest("Sigma-LSB", known), Some("sigma_lsb"));
        assert_eq!(nearest("percentil", known), Some("percentile"));
        assert_eq!(nearest("sigma", known), Some("sigma_lsb"));
        assert_eq!(nearest("colour", known), None);
    }
}
