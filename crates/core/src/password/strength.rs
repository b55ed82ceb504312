//! How many guesses a password withstands, and whether it is a common one: `zxcvbn`, read closely.

use std::collections::BTreeMap;

use zxcvbn::matching::Match;
use zxcvbn::matching::patterns::{DictionaryPattern, MatchPattern, RepeatPattern};
use zxcvbn::{Entropy, Score, zxcvbn};

use super::Reason;

/// The most code points estimated at a time.
const MAX_WINDOW: usize = 64;
/// What an estimate may take, in readings times the square of its length: about 60 milliseconds.
const BUDGET: usize = 600_000;
/// The characters that the library reads as some letter, a string for each letter. It tries every
/// combination, which makes some texts of the 100 characters that it would take cost a second.
const LOOK_ALIKES: [&str; 12] = ["4@", "8", "({[<", "3", "69", "1!|", "1|7", "0", "$5", "+7", "%", "2"];
/// Shorter dictionary words are found in anything; they count as decoration.
const MIN_STEM: usize = 3;
/// A word of this rank or better is common enough that decoration does not save it (ASVS 6.2.4).
const COMMON_RANK: usize = 3_000;
/// So much decoration is still a small change: characters, or guesses for all of it.
const SMALL_CHARACTERS: usize = 8;
const SMALL_GUESSES: u64 = 10_000;

/// An estimate.
pub(super) struct Strength {
    /// 0..=4.
    pub(super) score: u8,
    /// Whether it is a common password or a small change of one.
    pub(super) common: bool,
    /// The patterns that it is made of.
    pub(super) patterns: Vec<Reason>,
}

/// Estimates the text, or what of it can be afforded: of a repeated text some whole copies, of another
/// one the stronger of its two ends.
pub(super) fn estimate(text: &str) -> Strength {
    let strongest = affordable(text).iter().map(|part| zxcvbn(part, &[])).max_by_key(Entropy::guesses);
    let entropy = strongest.unwrap_or_else(|| zxcvbn("", &[]));
    let mut parts = Parts::default();
    entropy.sequence().iter().for_each(|found| parts.add(found));
    Strength {
        score: u8::from(entropy.score()),
        common: parts.are_common(&entropy),
        patterns: parts.patterns,
    }
}

fn affordable(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let window = window(&letters);
    let Some(beyond) = letters.len().checked_sub(window) else { return vec![text.to_owned()] };
    match period(&letters).filter(|period| *period <= window) {
        Some(period) => vec![letters.iter().take(window - window % period).collect()],
        None => vec![letters.iter().take(window).collect(), letters.iter().skip(beyond).collect()],
    }
}

/// How many code points can be estimated within the budget: 16..=64.
fn window(letters: &[char]) -> usize {
    let present = |look_alikes: &&str| look_alikes.chars().filter(|c| letters.contains(c)).count().max(1);
    let readings: usize = LOOK_ALIKES.iter().map(present).product();
    (BUDGET / readings).isqrt().clamp(16, MAX_WINDOW)
}

/// The length of the shortest text that gives this one when repeated, at least twice; the last copy may
/// be cut.
fn period(letters: &[char]) -> Option<usize> {
    (1..=letters.len() / 2)
        .find(|period| letters.iter().eq(letters.iter().take(*period).cycle().take(letters.len())))
}

/// What a password is made of.
#[derive(Default)]
struct Parts {
    /// The letters of its dictionary words, each once, with the best rank of a word of these letters.
    stems: BTreeMap<String, usize>,
    /// Whether a word is nothing but letters: a word of a language, and no keyboard pattern.
    has_plain_word: bool,
    /// Whether letters are left that belong to no pattern.
    has_free_letters: bool,
    /// Whether anything is left that belongs to no pattern.
    has_free_characters: bool,
    decoration_characters: usize,
    /// The guesses for all decoration together; 0 when there is none.
    decoration_guesses: u64,
    patterns: Vec<Reason>,
}

impl Parts {
    fn add(&mut self, found: &Match) {
        match &found.pattern {
            MatchPattern::Dictionary(word) => self.add_word(found, word),
            MatchPattern::Repeat(repeat) => self.add_repeat(found, repeat),
            MatchPattern::Spatial(_) => self.add_pattern(found, Reason::Keyboard),
            MatchPattern::Sequence(_) => self.add_pattern(found, Reason::Sequence),
            MatchPattern::Date(_) | MatchPattern::Regex(_) => self.add_pattern(found, Reason::Date),
            MatchPattern::BruteForce => {
                self.has_free_characters = true;
                self.has_free_letters |= found.token.chars().any(char::is_alphabetic);
                self.add_decoration(found);
            }
        }
    }

    fn add_word(&mut self, found: &Match, word: &DictionaryPattern) {
        let stem: String = word.matched_word.chars().filter(|c| c.is_alphabetic()).collect();
        if stem.chars().count() < MIN_STEM {
            self.add_decoration(found);
            return;
        }
        self.has_plain_word |= stem == word.matched_word;
        let rank = self.stems.entry(stem).or_insert(word.rank);
        *rank = word.rank.min(*rank);
    }

    /// The repeated text counts once.
    fn add_repeat(&mut self, found: &Match, repeat: &RepeatPattern) {
        self.note(Reason::Repeats);
        if repeat.base_token.chars().count() < MIN_STEM {
            self.add_decoration(found);
        } else {
            repeat.base_matches.iter().for_each(|base| self.add(base));
        }
    }

    fn add_pattern(&mut self, found: &Match, pattern: Reason) {
        self.note(pattern);
        self.add_decoration(found);
    }

    fn add_decoration(&mut self, found: &Match) {
        let guesses = found.guesses.unwrap_or(u64::MAX);
        self.decoration_characters += found.token.chars().count();
        self.decoration_guesses = self.decoration_guesses.max(1).saturating_mul(guesses);
    }

    fn note(&mut self, pattern: Reason) {
        if !self.patterns.contains(&pattern) {
            self.patterns.push(pattern);
        }
    }

    /// One dictionary word, alone, repeated, or a very common one with little around it; or nothing but
    /// known patterns and list entries such as `1q2w3e4r`, unless there are very many of them.
    fn are_common(&self, entropy: &Entropy) -> bool {
        let bare = self.decoration_characters == 0;
        let small =
            self.decoration_characters <= SMALL_CHARACTERS || self.decoration_guesses <= SMALL_GUESSES;
        let very_common = self.stems.values().all(|rank| *rank <= COMMON_RANK);
        let one_word = self.stems.len() == 1 && !self.has_free_letters && (bare || (small && very_common));
        let only_patterns = !entropy.sequence().is_empty()
            && !self.has_plain_word
            && !self.has_free_characters
            && entropy.score() < Score::Three;
        one_word || only_patterns
    }
}
