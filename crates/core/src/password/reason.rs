//! What speaks against a password, in words that help.

use std::fmt;

/// A reason against a password. Neither code nor words repeat any part of it.
///
/// `Display` gives one sentence for the user who chose the password; [`Reason::code`] is for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A common password or dictionary word, alone, repeated or trivially decorated, or nothing but
    /// well-known keyboard patterns.
    Common,
    /// Without the words of its context, it is too short or too weak.
    ContextWord,
    /// The weakness is a date or a year.
    Date,
    /// There is none.
    Empty,
    /// It holds a NUL byte.
    HasNul,
    /// The weakness is a row or figure on the keyboard.
    Keyboard,
    /// The weakness is repetition.
    Repeats,
    /// The weakness is a sequence such as abc or 4321.
    Sequence,
    /// It has too many bytes.
    TooLong {
        /// The most bytes accepted, of the NFKC form in UTF-8.
        max_bytes: usize,
    },
    /// It has too few code points.
    TooShort {
        /// Code points it has after NFKC.
        length: u32,
        /// Code points it needs.
        min_length: u32,
    },
    /// It would be guessed too soon.
    TooWeak {
        /// Its score, 0..=4.
        score: u8,
        /// The score it needs, 1..=4.
        min_score: u8,
    },
}

impl Reason {
    /// The stable snake_case code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Common => "password_common",
            Self::ContextWord => "password_has_context_word",
            Self::Date => "password_has_date",
            Self::Empty => "password_empty",
            Self::HasNul => "password_has_nul",
            Self::Keyboard => "password_has_keyboard_pattern",
            Self::Repeats => "password_repeats",
            Self::Sequence => "password_has_sequence",
            Self::TooLong { .. } => "password_too_long",
            Self::TooShort { .. } => "password_too_short",
            Self::TooWeak { .. } => "password_too_weak",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::Common => {
                "this is one of the common passwords, or a small change of one; use several unrelated words"
            }
            Self::ContextWord => {
                "leave out your e-mail address, names and the name of this service; what remains is too easy to guess"
            }
            Self::Date => "avoid dates and years; they are easy to guess",
            Self::Empty => "enter a password",
            Self::HasNul => "the password holds a NUL character; leave it out",
            Self::Keyboard => "avoid rows and patterns of the keyboard; they are easy to guess",
            Self::Repeats => "avoid repeated characters and words; they add little",
            Self::Sequence => "avoid sequences of letters or digits; they are easy to guess",
            Self::TooLong { max_bytes } => {
                return write!(
                    f,
                    "use a shorter password: at most {max_bytes} bytes, a letter with an accent taking two or more"
                );
            }
            Self::TooShort { length, min_length } => {
                return write!(f, "use at least {min_length} characters; this one has {length}");
            }
            Self::TooWeak { score, min_score } => {
                return write!(
                    f,
                    "this password is too easy to guess (strength {score} of 4, at least {min_score} is needed); add another word or two"
                );
            }
        };
        f.write_str(words)
    }
}
