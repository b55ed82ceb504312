//! Claims in the two forms that a sealed transaction needs: the block, and the envelope from which a
//! parallel worker makes its own. Both differ from one transaction to the next in its number only, so
//! that they are made once for claims that come back.

use std::cell::OnceCell;
use std::ffi::{CStr, CString};

use gatehouse_core::Error;
use gatehouse_core::claims::Claims;
use serde::Deserialize;

use super::block;
use crate::report::Refusal;

/// Verified claims.
pub(crate) struct Prepared {
    claims: Claims,
    block: OnceCell<Vec<u8>>,
    json: OnceCell<String>,
}

/// What the setting holds instead of the token.
#[derive(Deserialize)]
struct Envelope {
    transaction: u32,
    claims: Claims,
}

impl From<Claims> for Prepared {
    fn from(claims: Claims) -> Self {
        Self { claims, block: OnceCell::new(), json: OnceCell::new() }
    }
}

impl Prepared {
    /// The database role to act as, if the token names one.
    pub(crate) fn role(&self) -> Option<&str> {
        self.claims.role.as_deref()
    }

    /// The block; see [`block::build`].
    pub(super) fn block(&self, transaction: u32) -> Vec<u8> {
        let block = self.block.get_or_init(|| block::build(&self.claims, block::NEVER));
        block::stamped(block, transaction)
    }

    /// What [`open`] opens.
    pub(super) fn envelope(&self, transaction: u32) -> CString {
        let claims = self.json.get_or_init(|| serde_json::to_string(&self.claims).unwrap_or_default());
        let envelope = format!(r#"{{"transaction":{transaction},"claims":{claims}}}"#);
        CString::new(envelope).unwrap_or_default()
    }
}

/// The transaction and the claims of an envelope.
pub(super) fn open(envelope: &CStr) -> Result<(u32, Claims), Refusal> {
    let Envelope { transaction, claims } =
        serde_json::from_slice(envelope.to_bytes()).map_err(|_| Error::TokenMalformed)?;
    Ok((transaction, claims))
}
