//! How far apart two names of regions are.
//!
//! In: two strings. Out: their Levenshtein distance, counted in characters. Absent: what a region's name means.

/// The least number of characters to insert, delete or replace to get from one name to the other.
pub(crate) fn levenshtein(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, from_char) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, to_char) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(from_char != *to_char);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::levenshtein;

    #[test]
    fn counts_edits() {
        for (from, to, expected) in [
            ("", "", 0),
            ("eu-west-1", "eu-west-1", 0),
            ("eu-west-1", "eu-west-2", 1),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(levenshtein(from, to), expected, "{from} -> {to}");
        }
    }
}
