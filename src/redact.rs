//! No secret in the server's log.
pub(crate) fn install() {}
