//! Reading rows of one relation.

use crate::error::Error;
use crate::request::{Direction, Filter, Nulls, Operator, OrderTerm, Query, Selection};
use crate::schema_cache::{Column, Relation};

/// The columns of an answer.
#[derive(Debug)]
pub(crate) enum Columns<'a> {
    All,
    These(Vec<&'a Column>),
}

/// A filter whose column exists.
#[derive(Debug)]
pub(crate) struct Condition<'a> {
    pub(crate) column: &'a Column,
    pub(crate) operator: Operator,
    pub(crate) value: String,
}

/// An order term whose column exists.
#[derive(Debug)]
pub(crate) struct Ordering<'a> {
    pub(crate) column: &'a Column,
    pub(crate) direction: Option<Direction>,
    pub(crate) nulls: Option<Nulls>,
}

#[derive(Debug)]
pub(crate) struct ReadPlan<'a> {
    pub(crate) relation: &'a Relation,
    pub(crate) columns: Columns<'a>,
    pub(crate) conditions: Vec<Condition<'a>>,
    pub(crate) order: Vec<Ordering<'a>>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: u64,
}

impl<'a> ReadPlan<'a> {
    pub(super) fn new(relation: &'a Relation, query: Query, max_rows: Option<u64>) -> Result<Self, Error> {
        let limit = match (query.limit, max_rows) {
            (Some(limit), Some(most)) => Some(limit.min(most)),
            (limit, most) => limit.or(most),
        };
        Ok(Self {
            relation,
            columns: Columns::new(relation, &query.select)?,
            conditions: query
                .filters
                .into_iter()
                .map(|filter| condition(relation, filter))
                .collect::<Result<_, _>>()?,
            order: query.order.into_iter().map(|term| ordering(relation, term)).collect::<Result<_, _>>()?,
            limit,
            offset: query.offset,
        })
    }
}

impl<'a> Columns<'a> {
    pub(super) fn new(relation: &'a Relation, selection: &Selection) -> Result<Self, Error> {
        match selection {
            Selection::All => Ok(Self::All),
            Selection::Columns(names) => {
                names.iter().map(|name| column(relation, name)).collect::<Result<_, _>>().map(Self::These)
            }
        }
    }
}

fn condition(relation: &Relation, filter: Filter) -> Result<Condition<'_>, Error> {
    let Filter { column: name, operator, value } = filter;
    Ok(Condition { column: column(relation, &name)?, operator, value })
}

fn ordering(relation: &Relation, term: OrderTerm) -> Result<Ordering<'_>, Error> {
    let OrderTerm { column: name, direction, nulls } = term;
    Ok(Ordering { column: column(relation, &name)?, direction, nulls })
}

/// What the database would say of a column that is not there, it is told here already.
fn column<'a>(relation: &'a Relation, name: &str) -> Result<&'a Column, Error> {
    relation
        .column(name)
        .ok_or_else(|| Error::UndefinedColumn { relation: relation.name.clone(), column: name.to_owned() })
}
