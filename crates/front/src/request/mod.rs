//! What a data request asks for, parsed and nothing more: pure, no schema cache, no database.

mod body;
mod credential;
mod grammar;
mod media_type;
mod path;
mod peer;
mod prefer;
mod profile;
mod query;
mod range;
#[cfg(test)]
mod tests;
pub(crate) mod tree;
mod variables;

use axum::http::Method;
use axum::http::request::Parts;
use bytes::Bytes;

pub(crate) use body::{Payload, is_object};
pub(crate) use credential::{Bearer, Credential};
pub(crate) use media_type::{MediaType, PlanFormat, PlanOption};
use path::Target;
pub(crate) use path::base_path;
pub(crate) use peer::Peer;
pub(crate) use prefer::{Count, Missing, Preferences, Representation, Resolution, Transaction};
pub(crate) use profile::Profile;
pub(crate) use query::{Query, encode};
pub(crate) use range::Range;
pub(crate) use variables::Variables;

use crate::error::Error;

/// What the root path gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// Nothing.
    Disabled,
    /// The description of the API.
    OpenApi,
    /// What a function of this name gives.
    Routine(String),
}

/// What parsing depends on besides the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    /// The exposed ones, the default first.
    pub(crate) schemas: &'a [String],
    pub(crate) root: &'a Root,
    /// Whether the client may choose how its transaction ends.
    pub(crate) may_end_transaction: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Call {
        routine: String,
        by: CallMethod,
    },
    /// Which methods a function has.
    CallOptions {
        routine: String,
    },
    Describe {
        headers_only: bool,
    },
    /// Which methods the root has.
    DescribeOptions,
    Read {
        relation: String,
        headers_only: bool,
    },
    /// Which methods a relation has.
    RelationOptions {
        relation: String,
    },
    Write {
        relation: String,
        kind: Write,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallMethod {
    Get,
    Head,
    Post,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Delete,
    Insert,
    /// PUT: one row, by its primary key.
    Put,
    Update,
}

/// A data request whose form is right.
#[derive(Debug)]
pub(crate) struct ApiRequest<'a> {
    pub(crate) action: Action,
    pub(crate) profile: Profile<'a>,
    pub(crate) query: Query,
    /// Of the request's own relation, with the `Range` header and before `max-rows`.
    pub(crate) range: Range,
    pub(crate) preferences: Preferences,
    /// The best first.
    pub(crate) accepted: Vec<MediaType>,
    pub(crate) content_type: MediaType,
    pub(crate) payload: Option<Payload>,
}

impl<'a> ApiRequest<'a> {
    /// Parses the head and body of a request.
    pub(crate) fn parse(parts: &Parts, body: Bytes, terms: Terms<'a>) -> Result<Self, Error> {
        let target = path::target(parts.uri.path())?;
        let target = resolve(target, terms.root)?;
        let profile = Profile::parse(&parts.headers, writes(&parts.method), terms.schemas)?;
        let action = action(target, &parts.method)?;
        let calls = matches!(&action, Action::Call { by: CallMethod::Get | CallMethod::Head, .. });
        let query = Query::parse(parts.uri.query().unwrap_or_default(), calls)?;
        let range = full_range(parts, &query)?;
        let content_type = MediaType::of_content(&parts.headers);
        Ok(Self {
            payload: payload(&action, &content_type, &query, body)?,
            profile,
            range,
            preferences: Preferences::parse(&parts.headers, terms.may_end_transaction),
            accepted: MediaType::accepted(&parts.headers),
            content_type,
            action,
            query,
        })
    }

    /// Whether the transaction ends without effect, if `by_default` says how it does otherwise.
    pub(crate) fn rolls_back(&self, by_default: bool) -> bool {
        match self.preferences.transaction {
            Some(Transaction::Commit) => false,
            Some(Transaction::Rollback) => true,
            None => by_default,
        }
    }
}

fn resolve(target: Target, root: &Root) -> Result<Target, Error> {
    match (target, root) {
        (Target::Root, Root::Disabled) => Err(Error::RootDisabled),
        (Target::Root, Root::Routine(name)) => Ok(Target::Routine(name.clone())),
        (target, _) => Ok(target),
    }
}

fn writes(method: &Method) -> bool {
    matches!(*method, Method::DELETE | Method::PATCH | Method::POST | Method::PUT)
}

fn action(target: Target, method: &Method) -> Result<Action, Error> {
    let unsupported = || Error::UnsupportedMethod(method.to_string());
    Ok(match (target, method) {
        (Target::Routine(routine), &Method::GET) => Action::Call { routine, by: CallMethod::Get },
        (Target::Routine(routine), &Method::HEAD) => Action::Call { routine, by: CallMethod::Head },
        (Target::Routine(routine), &Method::POST) => Action::Call { routine, by: CallMethod::Post },
        (Target::Routine(routine), &Method::OPTIONS) => Action::CallOptions { routine },
        (Target::Routine(_), _) => return Err(Error::UnsupportedCallMethod(method.to_string())),
        (Target::Relation(relation), method) => match *method {
            Method::GET => Action::Read { relation, headers_only: false },
            Method::HEAD => Action::Read { relation, headers_only: true },
            Method::POST => Action::Write { relation, kind: Write::Insert },
            Method::PUT => Action::Write { relation, kind: Write::Put },
            Method::PATCH => Action::Write { relation, kind: Write::Update },
            Method::DELETE => Action::Write { relation, kind: Write::Delete },
            Method::OPTIONS => Action::RelationOptions { relation },
            _ => return Err(unsupported()),
        },
        (Target::Root, &Method::GET) => Action::Describe { headers_only: false },
        (Target::Root, &Method::HEAD) => Action::Describe { headers_only: true },
        (Target::Root, &Method::OPTIONS) => Action::DescribeOptions,
        (Target::Root, _) => return Err(unsupported()),
    })
}

/// The range of the header counts for GET only (RFC 9110 §14.2).
fn full_range(parts: &Parts, query: &Query) -> Result<Range, Error> {
    let header = if parts.method == Method::GET { Range::of_header(&parts.headers) } else { Range::ALL };
    let limit = query.range();
    let range = header.intersect(limit).unless_zero(limit);
    if range.is_empty() && !limit.is_limit_zero() {
        return Err(if header.is_empty() { Error::RangeBackwards } else { Error::NegativeLimit });
    }
    if parts.method == Method::PUT && range != Range::ALL {
        return Err(Error::PutLimited);
    }
    Ok(range)
}

fn payload(
    action: &Action,
    content_type: &MediaType,
    query: &Query,
    body: Bytes,
) -> Result<Option<Payload>, Error> {
    let (named, is_call) = match action {
        Action::Call { by: CallMethod::Post, .. } => (query.columns.is_some(), true),
        Action::Write { kind: Write::Insert | Write::Update, .. } => (query.columns.is_some(), false),
        Action::Write { kind: Write::Put, .. } => (false, false),
        _ => return Ok(None),
    };
    Payload::parse(content_type, body, named, is_call).map(Some)
}
