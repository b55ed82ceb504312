//! Recovery codes: what replaces a second factor that was lost, once each.

use data_encoding::{Encoding, Specification};

use crate::secret::Secret;

/// Random bytes in a code: 80 bits.
pub const BYTES: usize = 10;
/// How many a user gets at a time.
pub const COUNT: usize = 10;
/// Digits and letters but for i, l, o, u, which are mistaken for others or make words.
const ALPHABET: &str = "0123456789abcdefghjkmnpqrstvwxyz";
const CHARS: usize = 16;
const GROUP: usize = 4;

/// A recovery code: 16 characters of 5 bits, written in four groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryCode(Secret);

impl RecoveryCode {
    /// The code of these random bytes.
    #[must_use]
    pub fn new(random: &[u8; BYTES]) -> Self {
        Self(Secret::new(encoding().encode(random).into_bytes()))
    }

    /// Reads a code as people type it: letters of either case, blanks and hyphens left out, `o` for
    /// `0`, `i` and `l` for `1`; none when what remains is no code.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = encoding().decode(text.as_bytes()).ok()?;
        Some(Self::new(&bytes.try_into().ok()?))
    }

    /// The code in its one normal form, without groups: what is hashed. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(self.0.expose()).unwrap_or_default()
    }

    /// The code in groups of four, as it is shown, once.
    #[must_use]
    pub fn show(&self) -> String {
        let text = self.expose();
        (0..CHARS).step_by(GROUP).map(|at| &text[at..at + GROUP]).collect::<Vec<_>>().join("-")
    }
}

#[expect(clippy::expect_used, reason = "the specification is constant, and a test uses it")]
fn encoding() -> Encoding {
    let mut specification = Specification::new();
    specification.symbols.push_str(ALPHABET);
    specification.translate.from.push_str("ABCDEFGHJKMNPQRSTVWXYZoOiIlL");
    specification.translate.to.push_str("abcdefghjkmnpqrstvwxyz001111");
    specification.ignore.push_str(" -");
    specification.encoding().expect("the alphabet is one")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::RecoveryCode;

    #[test]
    fn a_code_is_16_characters_in_groups() {
        let code = RecoveryCode::new(&[0xff; 10]);
        assert_eq!((code.expose(), code.show().as_str()), ("zzzzzzzzzzzzzzzz", "zzzz-zzzz-zzzz-zzzz"));
    }

    #[test]
    fn it_is_read_as_people_type_it() {
        let code = RecoveryCode::new(&[0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf]);
        assert_eq!(code.expose(), "0123456789abcdef");
        for typed in
            ["0123-4567-89ab-cdef", " 0123 4567 89AB CDEF ", "OI23-4567-89ab-cdef", "ol23456789abcdef"]
        {
            assert_eq!(RecoveryCode::parse(typed), Some(code.clone()), "{typed}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for bad in
            ["", "0123-4567-89ab-cde", "0123-4567-89ab-cdef-0", "u123-4567-89ab-cdef", "0123_4567_89ab_cdef"]
        {
            assert_eq!(RecoveryCode::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn it_does_not_print() {
        assert_eq!(format!("{:?}", RecoveryCode::new(&[0; 10])), "RecoveryCode(Secret(..))");
    }

    proptest! {
        #[test]
        fn what_was_shown_is_read_back(random: [u8; 10]) {
            let code = RecoveryCode::new(&random);
            prop_assert_eq!(RecoveryCode::parse(&code.show()), Some(code.clone()));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            let _ = RecoveryCode::parse(&text);
        }
    }
}
