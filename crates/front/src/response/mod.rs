//! From the row that the database gives to HTTP. The JSON is the database's: its bytes are passed
//! on and never read.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;

use crate::error::Error;
use crate::pg::Row;
use crate::request::{Profile, Representation};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const CONTENT_RANGE_UNKNOWN: HeaderValue = HeaderValue::from_static("*/*");

/// What the answer depends on besides the row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Read { offset: u64 },
    Insert { representation: Option<Representation> },
}

/// The answer to a data request.
pub(crate) fn data(shape: Shape, profile: Profile<'_>, rows: &[Row]) -> Result<Response, Error> {
    let mut response = match shape {
        Shape::Read { offset } => read(offset, rows)?,
        Shape::Insert { representation } => inserted(representation, rows)?,
    };
    if profile.negotiated
        && let Ok(schema) = HeaderValue::from_str(profile.schema)
    {
        response.headers_mut().insert("content-profile", schema);
    }
    Ok(response)
}

fn read(offset: u64, rows: &[Row]) -> Result<Response, Error> {
    let (count, body) = counted(rows)?;
    let mut response = json(StatusCode::OK, body);
    response.headers_mut().insert(header::CONTENT_RANGE, content_range(offset, count));
    Ok(response)
}

fn inserted(representation: Option<Representation>, rows: &[Row]) -> Result<Response, Error> {
    let mut response = match representation {
        Some(Representation::Full) => json(StatusCode::CREATED, counted(rows)?.1),
        _ => {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::CREATED;
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_RANGE, CONTENT_RANGE_UNKNOWN);
    applied(headers, representation);
    Ok(response)
}

fn applied(headers: &mut HeaderMap, representation: Option<Representation>) {
    let applied = match representation {
        Some(Representation::Full) => "return=representation",
        Some(Representation::Minimal) => "return=minimal",
        None => return,
    };
    headers.insert("preference-applied", HeaderValue::from_static(applied));
}

/// The one row: how many, and the JSON array of them.
fn counted(rows: &[Row]) -> Result<(u64, Bytes), Error> {
    let wrong = || Error::Internal("the statement did not give one row of count and body");
    let [Some(count), Some(body)] = rows.first().ok_or_else(wrong)?.columns() else { return Err(wrong()) };
    let count = std::str::from_utf8(&count).ok().and_then(|count| count.parse().ok());
    Ok((count.ok_or_else(wrong)?, body))
}

/// `first-last/*`, or `*/*` for no rows.
fn content_range(offset: u64, count: u64) -> HeaderValue {
    let Some(after_first) = count.checked_sub(1) else { return CONTENT_RANGE_UNKNOWN };
    let last = offset.saturating_add(after_first);
    HeaderValue::try_from(format!("{offset}-{last}/*")).unwrap_or(CONTENT_RANGE_UNKNOWN)
}

/// An answer of JSON bytes as they are.
pub(crate) fn json(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

#[cfg(test)]
mod tests {
    use super::content_range;

    #[test]
    fn the_range_names_first_and_last_row() {
        assert_eq!(content_range(0, 1), "0-0/*");
        assert_eq!(content_range(20, 10), "20-29/*");
        assert_eq!(content_range(5, 0), "*/*");
    }
}
