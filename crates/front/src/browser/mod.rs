//! Sessions of browsers: the tokens in cookies that no script can read, in the place of tokens that
//! a script has to keep.
//!
//! [`layer`] stands before the APIs. It takes the front's cookies out of every request, so that
//! nothing behind it, SQL least of all, ever sees them; and where nobody shows a token, it puts the
//! cookie's access token in the place of one, after the request has shown that it comes from a page
//! of ours ([`origin`]). An access token that is about to expire is exchanged on the way
//! ([`session`]), and tokens in answers go into cookies ([`answer`]). The pages use the same parts.
//!
//! Nothing is decided here about a token: the database does.

mod answer;
mod claims;
mod cookies;
mod layer;
mod origin;
mod refusal;
mod session;
mod set_cookie;

pub(crate) use claims::Claims;
pub(crate) use cookies::Cookies;
pub(crate) use layer::{auth_api, data_api};
pub(crate) use origin::is_from_own_page;
pub(crate) use session::{Resolved, Tokens, renew, resolve};
pub(crate) use set_cookie::{SetCookies, Small};
