//! What a query string says, as data. Names are the client's own: nobody has looked them up yet.

/// A column, or a place inside of a JSON column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) path: Vec<JsonStep>,
}

/// `->operand` or `->>operand`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonStep {
    /// `->>`: the result is text.
    pub(crate) as_text: bool,
    pub(crate) operand: JsonOperand,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JsonOperand {
    /// Digits, perhaps after a minus.
    Index(String),
    Key(String),
}

/// One item of `select=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SelectItem {
    Embed(Embed),
    Field(SelectField),
}

/// `alias:field::cast.aggregate()::cast`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SelectField {
    /// The name `*` stands for all columns.
    pub(crate) field: Field,
    pub(crate) alias: Option<String>,
    pub(crate) cast: Option<String>,
    pub(crate) aggregate: Option<Aggregate>,
    pub(crate) aggregate_cast: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Avg,
    Count,
    Max,
    Min,
    Sum,
}

/// `alias:relation!hint!inner(…)` or `...relation(…)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Embed {
    pub(crate) relation: String,
    pub(crate) alias: Option<String>,
    pub(crate) hint: Option<String>,
    /// `!inner`: rows without a match go.
    pub(crate) inner: bool,
    pub(crate) spread: bool,
    pub(crate) select: Vec<SelectItem>,
}

/// A condition on one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) field: Field,
    pub(crate) negated: bool,
    pub(crate) operation: Operation,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Compare { operator: Comparison, quantifier: Option<Quantifier>, value: String },
    FullText { operator: FullText, language: Option<String>, value: String },
    In(Vec<String>),
    Is(IsValue),
    IsDistinct(String),
    Simple { operator: Simple, value: String },
}

/// Operators that may be quantified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
    InsensitiveLike,
    InsensitiveMatch,
    Less,
    LessOrEqual,
    Like,
    Match,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantifier {
    All,
    Any,
}

/// Operators that may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Simple {
    Adjacent,
    ContainedBy,
    Contains,
    NotEqual,
    NotExtendsLeft,
    NotExtendsRight,
    Overlaps,
    StrictlyLeft,
    StrictlyRight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FullText {
    Phrase,
    Plain,
    Query,
    Websearch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IsValue {
    False,
    NotNull,
    Null,
    True,
    Unknown,
}

/// A tree of conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Logic {
    Filter(Filter),
    Group { negated: bool, operator: LogicOperator, members: Vec<Logic> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogicOperator {
    And,
    Or,
}

/// One term of `order=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderTerm {
    /// The embedded relation that the field is of, if not the one ordered.
    pub(crate) relation: Option<String>,
    pub(crate) field: Field,
    pub(crate) direction: Option<Direction>,
    pub(crate) nulls: Option<Nulls>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nulls {
    First,
    Last,
}

/// The names of embedded relations, from the outside in; empty for the request's own relation.
pub(crate) type EmbedPath = Vec<String>;
