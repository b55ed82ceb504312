//! `PGRST_SERVER_HOST`: a host name, or one of the words that PostgREST has for "any".

/// What to bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BindHost {
    /// Any address of these families.
    Any(Family),
    /// The addresses of this name.
    Named(String),
}

/// Which families an "any" covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// IPv6 and IPv4 on one socket, or IPv4 where the system has no IPv6 (`*`, `*4`, `*6`).
    Both,
    /// IPv4 only (`!4`).
    V4,
    /// IPv6 only (`!6`).
    V6,
}

impl BindHost {
    pub(crate) fn parse(text: String) -> Self {
        match text.as_str() {
            "*" | "*4" | "*6" => Self::Any(Family::Both),
            "!4" => Self::Any(Family::V4),
            "!6" => Self::Any(Family::V6),
            _ => Self::Named(text),
        }
    }
}

/// PostgREST's default, `!4`.
impl Default for BindHost {
    fn default() -> Self {
        Self::Any(Family::V4)
    }
}
