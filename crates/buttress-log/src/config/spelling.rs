//! Spelling suggestions for directives.

/// The level that another logger's word or number stands for.
pub(super) fn translate_level(word: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 13] = [
        ("0", "off"),
        ("1", "error"),
        ("2", "warn"),
        ("3", "info"),
        ("4", "debug"),
        ("5", "trace"),
        ("all", "trace"),
        ("verbose", "trace"),
        ("dbg", "debug"),
        ("err", "error"),
        ("fatal", "error"),
        ("critical", "error"),
        ("none", "off"),
    ];
    WORDS.iter().find(|(other, _)| word.eq_ignore_ascii_case(other)).map(|(_, level)| *level)
}

/// The word that is one typo away, or up to two typos if `word` has five letters or more.
pub(super) fn nearest_word<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let word = word.to_ascii_lowercase();
    let max_typos = if word.len() < 5 { 1 } else { 2 };
    words
        .map(|candidate| (edit_distance(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= max_typos)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The number of letters that are missing, superfluous, wrong, or swapped with their neighbour: the optimal string alignment of
/// [Damerau](https://doi.org/10.1145/363958.363994) and Levenshtein. Only the first 16 letters of `a` count.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(16).collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let wrong = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = wrong.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
