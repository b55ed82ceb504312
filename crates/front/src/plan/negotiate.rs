//! The first of the accepted media types that something here can make.

use super::{Context, Output, ReadNode};
use crate::error::Error;
use crate::request::{Action, ApiRequest, CallMethod, MediaType, Representation};
use crate::schema_cache::{Handler, Name};

/// How rows become a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body<'a> {
    ArrayStripped,
    Csv,
    Custom {
        function: &'a Name,
        target: Option<&'a Name>,
    },
    GeoJson,
    Json,
    /// None is wanted.
    Nothing,
    Single {
        stripped: bool,
    },
}

/// The body for a relation or function and how it is called.
pub(super) fn output<'a>(
    request: &ApiRequest<'_>,
    context: Context<'a>,
    target: &Name,
    tree: &ReadNode<'_>,
) -> Result<Output<'a>, Error> {
    let whole_rows = tree.is_default_select();
    let mut found = request.accepted.iter().filter_map(|asked| find(asked, context, target, whole_rows));
    let Some(mut output) = found.next() else { return Err(unacceptable(&request.accepted)) };
    let is_wanted = match &request.action {
        Action::Write { .. } => request.preferences.representation == Some(Representation::Full),
        Action::Read { headers_only, .. } => !headers_only,
        Action::Call { by, .. } => *by != CallMethod::Head,
        _ => true,
    };
    if !is_wanted {
        output.body = Body::Nothing;
    }
    Ok(output)
}

fn find<'a>(asked: &MediaType, context: Context<'a>, target: &Name, whole_rows: bool) -> Option<Output<'a>> {
    match asked {
        MediaType::Singular { stripped } => {
            Some(Output { body: Body::Single { stripped: *stripped }, media_type: asked.clone() })
        }
        MediaType::ArrayStripped => Some(Output { body: Body::ArrayStripped, media_type: asked.clone() }),
        MediaType::Plan { of, .. } => {
            let planned = context.plans.then(|| find(of, context, target, whole_rows)).flatten()?;
            Some(Output { body: planned.body, media_type: asked.clone() })
        }
        _ => {
            let (handler, given) = context.cache.handlers().find(target, asked, whole_rows)?;
            let body = match handler {
                Handler::Csv => Body::Csv,
                Handler::Custom { function, target } => Body::Custom { function, target: target.as_ref() },
                Handler::GeoJson => Body::GeoJson,
                Handler::Json => Body::Json,
            };
            Some(Output { body, media_type: given.clone() })
        }
    }
}

/// Whether the description of the API is wanted in its third version.
pub(super) fn description(accepted: &[MediaType]) -> Result<bool, Error> {
    for media_type in accepted {
        match media_type {
            MediaType::Any | MediaType::Json | MediaType::OpenApi => return Ok(false),
            MediaType::OpenApi3 => return Ok(true),
            _ => {}
        }
    }
    Err(unacceptable(accepted))
}

fn unacceptable(accepted: &[MediaType]) -> Error {
    Error::UnacceptableMediaType(accepted.iter().map(ToString::to_string).collect())
}
