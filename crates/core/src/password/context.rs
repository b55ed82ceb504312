//! Words of the context: what an attacker who knows the user and the place tries first.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Shorter parts turn up by chance. Longer ones do too (`mark` in `remarkable`), which is why they only
/// count for nothing instead of being forbidden.
const MIN_PART: usize = 4;
/// With the bounds below, the search takes no more than some ten million steps.
const MAX_PART: usize = 64;
const MAX_PARTS: usize = 256;
const MAX_STRINGS: usize = 32;
const MAX_STRING: usize = 320;

/// The password without the words of the context, or `None` when it holds none.
///
/// Upper and lower case are the same, digits and signs stand for the letters they look like, and a word
/// counts in both directions. `password` is in NFKC and bounded.
pub(super) fn without(password: &str, context: &[&str]) -> Option<Zeroizing<String>> {
    let letters = Zeroizing::new(password.chars().collect::<Vec<char>>());
    let mut known = vec![false; letters.len()];
    for part in parts(context) {
        let word: Vec<char> = part.chars().collect();
        let reversed: Vec<char> = word.iter().rev().copied().collect();
        mark(&letters, &word, &mut known);
        mark(&letters, &reversed, &mut known);
    }
    known.contains(&true).then(|| {
        let mut rest = Zeroizing::new(String::with_capacity(password.len()));
        rest.extend(letters.iter().zip(&known).filter(|(_, known)| !**known).map(|(letter, _)| *letter));
        rest
    })
}

/// The words to look for: each string, an e-mail address also without its domain and the other way
/// round, what stands between separators, and the string without any.
fn parts(context: &[&str]) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for text in context.iter().take(MAX_STRINGS) {
        let text: String = text.chars().take(MAX_STRING).nfkc().collect::<String>().to_lowercase();
        let (local, domain) = text.split_once('@').unwrap_or((&text, ""));
        // The last label is `com`, `info` and the like: nobody's own.
        let domain = domain.rsplit_once('.').map_or(domain, |(name, _)| name);
        for piece in [text.as_str(), local, domain] {
            add(&mut parts, piece);
        }
        for piece in [local, domain] {
            add(&mut parts, &piece.chars().filter(|c| c.is_alphanumeric()).collect::<String>());
            piece.split(|c: char| !c.is_alphanumeric()).for_each(|word| add(&mut parts, word));
        }
    }
    parts
}

fn add(parts: &mut BTreeSet<String>, part: &str) {
    let part = part.trim();
    if parts.len() < MAX_PARTS && (MIN_PART..=MAX_PART).contains(&part.chars().count()) {
        parts.insert(part.to_owned());
    }
}

/// Marks every place where `word` stands.
fn mark(letters: &[char], word: &[char], known: &mut [bool]) {
    for (start, window) in letters.windows(word.len()).enumerate() {
        if window.iter().zip(word).all(|(letter, wanted)| stands_for(*letter, *wanted)) {
            known.iter_mut().skip(start).take(word.len()).for_each(|known| *known = true);
        }
    }
}

/// Whether a character of a password is the wanted lower-case character, or looks like it.
fn stands_for(letter: char, wanted: char) -> bool {
    letter == wanted
        || letter.to_lowercase().eq(std::iter::once(wanted))
        || matches!(
            (letter, wanted),
            ('4' | '@', 'a')
                | ('8', 'b')
                | ('(' | '<' | '{' | '[', 'c')
                | ('3', 'e')
                | ('6' | '9', 'g')
                | ('1' | '!' | '|', 'i' | 'l')
                | ('0', 'o')
                | ('$' | '5', 's')
                | ('7' | '+', 't')
                | ('2', 'z')
        )
}
