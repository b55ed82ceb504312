//! QR codes, as a picture within the page.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

/// Longer texts make a code that no camera reads.
const MOST_BYTES: usize = 600;

/// `None` for a text that is too long.
pub(super) fn svg(text: &str) -> Option<String> {
    if text.len() > MOST_BYTES {
        return None;
    }
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let picture = code.render::<svg::Color<'_>>().min_dimensions(200, 200).quiet_zone(true).build();
    // Within HTML there is no declaration.
    picture.find("<svg").and_then(|start| picture.get(start..)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::svg;

    #[test]
    fn a_code_is_a_picture_without_styles_and_texts() {
        let picture = svg("otpauth://totp/A:a%40b?secret=ABC&issuer=A").unwrap();
        assert!(picture.starts_with("<svg") && picture.ends_with("</svg>"));
        assert!(!picture.contains("style=") && !picture.contains("otpauth"));
        assert_eq!(svg(&"x".repeat(601)), None);
    }
}
