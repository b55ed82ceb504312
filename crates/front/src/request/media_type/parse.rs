//! From text to media types (RFC 9110 §8.3, §12.5.1).

use super::{MediaType, PlanFormat, PlanOption};

/// Name in lower case and value of each parameter.
type Parameters<'a> = Vec<(String, &'a str)>;

/// How deep `for="…"` is followed.
const MOST_PLANS: usize = 2;

pub(super) fn media_type(text: &str) -> MediaType {
    nested(text, 0)
}

fn nested(text: &str, depth: usize) -> MediaType {
    let (name, parameters) = parts(text);
    let of = |wanted: &str| parameters.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| *value);
    let stripped = of("nulls") == Some("stripped");
    match name.to_ascii_lowercase().as_str() {
        "*/*" => MediaType::Any,
        "application/json" => MediaType::Json,
        "application/geo+json" => MediaType::GeoJson,
        "application/octet-stream" => MediaType::OctetStream,
        "application/openapi+json" if of("version").is_some_and(|version| version.starts_with('3')) => {
            MediaType::OpenApi3
        }
        "application/openapi+json" => MediaType::OpenApi,
        "application/x-www-form-urlencoded" => MediaType::Form,
        "text/csv" => MediaType::Csv,
        "text/plain" => MediaType::Text,
        "text/xml" => MediaType::Xml,
        "application/vnd.pgrst.object" | "application/vnd.pgrst.object+json" => {
            MediaType::Singular { stripped }
        }
        "application/vnd.pgrst.array" | "application/vnd.pgrst.array+json" if stripped => {
            MediaType::ArrayStripped
        }
        "application/vnd.pgrst.array" | "application/vnd.pgrst.array+json" => MediaType::Json,
        plan @ ("application/vnd.pgrst.plan"
        | "application/vnd.pgrst.plan+text"
        | "application/vnd.pgrst.plan+json")
            if depth < MOST_PLANS =>
        {
            let format = if plan.ends_with("+json") { PlanFormat::Json } else { PlanFormat::Text };
            let asked: Vec<_> = of("options").unwrap_or_default().split('|').collect();
            let options = PlanOption::ALL.iter().filter(|(name, _)| asked.contains(name));
            MediaType::Plan {
                of: Box::new(nested(of("for").unwrap_or("application/json"), depth + 1)),
                format,
                options: options.map(|&(_, option)| option).collect(),
            }
        }
        _ => MediaType::Other(text.trim().to_owned()),
    }
}

/// The media ranges of an `Accept` header by falling `q`, as sent among equals.
pub(super) fn accept(text: &str) -> Vec<MediaType> {
    let mut ranges: Vec<(i32, MediaType)> = split(text, ',').map(quality).collect();
    ranges.sort_by_key(|(quality, _)| -quality);
    ranges.into_iter().map(|(_, media_type)| media_type).collect()
}

/// One range without its `q`, and that in thousandths.
fn quality(range: &str) -> (i32, MediaType) {
    let is_q = |part: &&str| {
        let part = part.trim_start();
        part.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("q="))
    };
    let q = split(range, ';').skip(1).find(is_q);
    let quality = q.and_then(|part| part.trim()[2..].parse::<f32>().ok());
    let thousandths = quality.map_or(1000, thousandths);
    let rest: Vec<_> = split(range, ';').filter(|part| !is_q(part)).collect();
    (thousandths, media_type(rest.join(";").trim()))
}

#[expect(clippy::cast_possible_truncation, reason = "between 0 and 1000")]
fn thousandths(quality: f32) -> i32 {
    (quality.clamp(0.0, 1.0) * 1000.0) as i32
}

fn parts(text: &str) -> (&str, Parameters<'_>) {
    let mut parts = split(text, ';');
    let name = parts.next().unwrap_or_default().trim();
    (name, parts.filter_map(pair).collect())
}

fn pair(part: &str) -> Option<(String, &str)> {
    let (name, value) = part.split_once('=')?;
    let value = value.trim();
    let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    Some((name.trim().to_ascii_lowercase(), value))
}

/// Splits where `separator` stands outside of double quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}
