//! Status and `Content-Range` by how many rows there are and which of them were asked for.

use axum::http::{HeaderValue, StatusCode};

use super::answer::Answer;
use crate::error::Error;
use crate::request::Range;

pub(super) fn of(asked: Range, answer: &Answer) -> Result<(StatusCode, HeaderValue), Error> {
    let first = asked.first;
    let last = first.saturating_add(answer.page).saturating_sub(1);
    let status = match answer.total {
        Some(total) if first > total => return Err(Error::RangeBeyond { first, total }),
        Some(total) if answer.page < total => StatusCode::PARTIAL_CONTENT,
        _ => StatusCode::OK,
    };
    Ok((status, header(first, last, answer.total)))
}

/// `first-last/total`; a star for no rows, and for a total that nobody knows.
pub(super) fn header(first: i64, last: i64, total: Option<i64>) -> HeaderValue {
    let rows = if first <= last && total != Some(0) { format!("{first}-{last}") } else { "*".to_owned() };
    let total = total.map_or_else(|| "*".to_owned(), |total| total.to_string());
    HeaderValue::try_from(format!("{rows}/{total}")).unwrap_or(HeaderValue::from_static("*/*"))
}

#[cfg(test)]
mod tests {
    use super::{Answer, Range, header, of};
    use crate::error::Error;

    #[test]
    fn the_range_names_first_and_last_row() {
        assert_eq!(header(0, 0, None), "0-0/*");
        assert_eq!(header(20, 29, Some(100)), "20-29/100");
        assert_eq!(header(5, 4, None), "*/*");
        assert_eq!(header(0, -1, Some(0)), "*/0");
    }

    #[test]
    fn the_status_tells_whether_there_is_more() {
        let answer = |page, total| Answer { page, total, ..Answer::default() };
        let range = Range { first: 2, last: None };
        assert_eq!(of(range, &answer(3, Some(5))).unwrap().0, 206);
        assert_eq!(of(Range::ALL, &answer(5, Some(5))).unwrap().0, 200);
        assert_eq!(of(range, &answer(3, None)).unwrap().0, 200);
        assert!(matches!(of(range, &answer(0, Some(1))), Err(Error::RangeBeyond { first: 2, total: 1 })));
    }
}
