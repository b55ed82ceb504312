//! One accent colour, made to be readable on light and on dark ground (WCAG 2.2 §1.4.3, AA).

/// The ground of pages, light and dark; the stylesheet has the same.
const LIGHT: Colour = Colour::new(0xff, 0xff, 0xff);
const DARK: Colour = Colour::new(0x17, 0x1a, 0x21);
/// The least contrast of text and its ground.
const READABLE: f64 = 4.5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

/// The accent on each ground, and what is written on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Palette {
    /// As the operator chose it.
    pub(crate) given: Colour,
    pub(crate) light: Colour,
    pub(crate) on_light: Colour,
    pub(crate) dark: Colour,
    pub(crate) on_dark: Colour,
}

impl Palette {
    /// The colour as it is where it can be read; else darker on the light ground, lighter on the dark.
    pub(crate) fn of(colour: Colour) -> Self {
        let light = colour.towards(Colour::new(0, 0, 0), LIGHT);
        let dark = colour.towards(Colour::new(0xff, 0xff, 0xff), DARK);
        Self { given: colour, light, on_light: light.text(), dark, on_dark: dark.text() }
    }
}

impl Colour {
    pub(super) const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// `#rrggbb` or `#rgb`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let pairs: String = match digits.len() {
            3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
            6 => digits.to_owned(),
            _ => return None,
        };
        let part = |range| pairs.get(range).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        Some(Self { red: part(0..2)?, green: part(2..4)?, blue: part(4..6)? })
    }

    /// Mixed with `end` as little as makes it readable on the ground.
    fn towards(self, end: Self, ground: Self) -> Self {
        let step = |percent| self.mixed(end, percent);
        (0..=100).map(step).find(|mixed| mixed.contrast(ground) >= READABLE).unwrap_or(end)
    }

    /// `percent`: how much of the other, 0 to 100.
    fn mixed(self, other: Self, percent: u16) -> Self {
        let mix = |a: u8, b: u8| {
            let sum = u16::from(a) * (100 - percent) + u16::from(b) * percent;
            u8::try_from(sum / 100).unwrap_or(u8::MAX)
        };
        Self::new(mix(self.red, other.red), mix(self.green, other.green), mix(self.blue, other.blue))
    }

    /// White or almost black, whichever can be read better on it.
    fn text(self) -> Self {
        let (white, black) = (Self::new(0xff, 0xff, 0xff), Self::new(0x10, 0x12, 0x18));
        if white.contrast(self) >= black.contrast(self) { white } else { black }
    }

    /// From 1 to 21 (WCAG 2.2, "contrast ratio").
    fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// WCAG 2.2, "relative luminance".
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
}

impl std::fmt::Display for Colour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::{Colour, DARK, LIGHT, Palette, READABLE};

    #[test]
    fn colours_are_read_and_written() {
        assert_eq!(Colour::parse("#354fd1").unwrap().to_string(), "#354fd1");
        assert_eq!(Colour::parse("#aBc").unwrap().to_string(), "#aabbcc");
        for text in ["", "#", "354fd1", "#12345", "#1234567", "#ggg", "#+1+2+3", "red", "#fff;}"] {
            assert!(Colour::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_contrast_of_black_and_white_is_21() {
        let contrast = Colour::parse("#000").unwrap().contrast(LIGHT);
        assert!((contrast - 21.0).abs() < 1e-9);
    }

    #[test]
    fn a_colour_that_can_be_read_stays_as_it_is() {
        let blue = Colour::parse("#354fd1").unwrap();
        assert_eq!(Palette::of(blue).light, blue);
        let yellow = Colour::parse("#ffd500").unwrap();
        assert_eq!(Palette::of(yellow).dark, yellow);
        assert_ne!(Palette::of(yellow).light, yellow);
    }

    proptest! {
        #[test]
        fn any_colour_can_be_read_everywhere(red in any::<u8>(), green in any::<u8>(), blue in any::<u8>()) {
            let palette = Palette::of(Colour::new(red, green, blue));
            for (text, ground) in [
                (palette.light, LIGHT),
                (palette.on_light, palette.light),
                (palette.dark, DARK),
                (palette.on_dark, palette.dark),
            ] {
                prop_assert!(text.contrast(ground) >= READABLE, "{text} on {ground}");
            }
        }
    }
}
