//! One-time secrets that are mailed: a token for a link and a code of six digits to type in.
//!
//! Both stand for the same act. Only keyed hashes of them are stored ([`crate::keyed_hash`]); this
//! module makes them and reads them back.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::secret::Secret;

/// Random bytes in a link token: 256 bits.
pub const TOKEN_BYTES: usize = 32;
/// Random bytes that a code is drawn from.
pub const CODE_RANDOM_BYTES: usize = 16;
/// Digits of a code.
pub const CODE_DIGITS: usize = 6;

/// What a link token begins with, so that scanners for leaked secrets find it.
const PREFIX: &str = "gho_";
const BODY_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 6;
const CODES: u128 = 1_000_000;

/// The token of a link: `gho_`, 256 random bits in base64url, 6 characters of checksum.
///
/// The checksum tells a cut or mistyped token apart before anything is looked up, and a leaked one
/// from text that merely looks like it; it is no protection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkToken(Secret);

impl LinkToken {
    /// The token of these random bytes.
    #[must_use]
    pub fn new(random: &[u8; TOKEN_BYTES]) -> Self {
        let body = BASE64_URL_SAFE_NO_PAD.encode(random);
        let text = format!("{PREFIX}{body}{}", checksum(&body));
        Self(Secret::new(text.into_bytes()))
    }

    /// Reads a token that its holder brings back; none when it can be none of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.trim().strip_prefix(PREFIX)?;
        let (body, sum) = rest.split_at_checked(BODY_CHARS)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(body).ok()?;
        let token = Self::new(&bytes.try_into().ok()?);
        (sum == checksum(body)).then_some(token)
    }

    /// The text for the mail. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(self.0.expose()).unwrap_or_default()
    }
}

fn checksum(body: &str) -> String {
    let digest = digest::digest(&digest::SHA256, format!("{PREFIX}{body}").as_bytes());
    let mut text = BASE64_URL_SAFE_NO_PAD.encode(&digest.as_ref()[..5]);
    text.truncate(CHECKSUM_CHARS);
    text
}

/// A code of six decimal digits.
///
/// # Security
/// It is one of a million: whoever checks it must count the attempts, and must store no bare hash
/// of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(Secret);

impl Code {
    /// Draws a code: each of the million is equally likely, to within 2^-108.
    #[must_use]
    pub fn draw(random: &[u8; CODE_RANDOM_BYTES]) -> Self {
        let number = u128::from_be_bytes(*random) % CODES;
        Self(Secret::new(format!("{number:0width$}", width = CODE_DIGITS).into_bytes()))
    }

    /// Reads a code as people type it: blanks and hyphens between the digits are left out; none
    /// when what remains is not exactly six ASCII digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        digits(text, CODE_DIGITS).map(Self)
    }

    /// The six digits. Never log them.
    #[must_use]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(self.0.expose()).unwrap_or_default()
    }
}

/// `count` ASCII digits, blanks and hyphens left out.
pub(crate) fn digits(text: &str, count: usize) -> Option<Secret> {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).take(count + 1).collect();
    let good = digits.len() == count && digits.bytes().all(|digit| digit.is_ascii_digit());
    good.then(|| Secret::new(digits.into_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Code, LinkToken};

    #[test]
    fn a_token_has_prefix_256_bits_and_checksum() {
        let token = LinkToken::new(&[0xff; 32]);
        assert!(token.expose().starts_with("gho_") && token.expose().len() == 4 + 43 + 6);
        assert_ne!(token, LinkToken::new(&[0xfe; 32]));
    }

    #[test]
    fn a_token_changed_in_any_character_or_cut_is_none() {
        let whole = LinkToken::new(&[7; 32]).expose().to_owned();
        for at in 0..whole.len() {
            let mut changed = whole.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(LinkToken::parse(std::str::from_utf8(&changed).unwrap()), None, "{at}");
            assert_eq!(LinkToken::parse(&whole[..at]), None, "{at}");
        }
        assert_eq!(LinkToken::parse(&format!("{whole}A")), None);
    }

    #[test]
    fn codes_are_six_digits_also_the_small_ones() {
        assert_eq!(Code::draw(&[0; 16]).expose(), "000000");
        assert_eq!(Code::draw(&999_999_u128.to_be_bytes()).expose(), "999999");
        assert_eq!(Code::draw(&1_000_042_u128.to_be_bytes()).expose(), "000042");
    }

    #[test]
    fn every_digit_is_as_likely_at_every_place() {
        let mut seen = [[0_u32; 10]; 6];
        let mut random = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"seed").as_ref().to_vec();
        for _ in 0..20_000 {
            random = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &random).as_ref().to_vec();
            let code = Code::draw(random[..16].try_into().unwrap());
            for (place, digit) in code.expose().bytes().enumerate() {
                seen[place][usize::from(digit - b'0')] += 1;
            }
        }
        // Chi-squared with 9 degrees of freedom: 33.7 is passed once in ten thousand.
        for place in seen {
            let sum: f64 = place.iter().map(|&n| (f64::from(n) - 2000.0).powi(2) / 2000.0).sum();
            assert!(sum < 33.7, "{place:?}");
        }
    }

    #[test]
    fn a_code_is_read_as_people_type_it_and_nothing_else_is() {
        for good in ["123456", " 123 456 ", "123-456"] {
            assert_eq!(Code::parse(good).unwrap().expose(), "123456", "{good}");
        }
        for bad in ["", "12345", "1234567", "12345a", "１２３４５６", "+12345", "12.456"] {
            assert_eq!(Code::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn neither_prints() {
        assert_eq!(format!("{:?}", Code::draw(&[0; 16])), "Code(Secret(..))");
        assert!(!format!("{:?}", LinkToken::new(&[0; 32])).contains("AAAA"));
    }

    proptest! {
        #[test]
        fn what_was_made_is_read_back(random: [u8; 32], code: [u8; 16]) {
            let token = LinkToken::new(&random);
            prop_assert_eq!(LinkToken::parse(token.expose()), Some(token.clone()));
            let code = Code::draw(&code);
            prop_assert_eq!(Code::parse(code.expose()), Some(code.clone()));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            let _ = LinkToken::parse(&text);
            let _ = Code::parse(&text);
        }
    }
}
