//! The target list of a stored query tree.
//!
//! Postgres writes trees as `{NODE :field value …}` with lists in parentheses. Of all that only
//! the entries of the outermost target list are of use here: which column of the view they are, and
//! which column of which relation they show.

/// One entry: the view's column and what it shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) number: i32,
    pub(super) relation: i64,
    pub(super) column: i32,
}

/// The entries that show a column as it is.
pub(super) fn targets(tree: &str) -> Vec<Target> {
    let mut found = Vec::new();
    // The nodes that are open, outermost first; a list counts as one without name.
    let mut open: Vec<&str> = Vec::new();
    let (mut field, mut target) = ("", Target::default());
    let mut tokens = Tokens(tree);
    while let Some(token) = tokens.next() {
        match token {
            "{" => {
                open.push(tokens.next().unwrap_or_default());
                if is_entry(&open) {
                    target = Target::default();
                }
            }
            "}" => {
                if is_entry(&open) && target.relation != 0 && target.column > 0 {
                    found.push(target);
                }
                open.pop();
            }
            "(" => open.push(if field == ":targetList" { ":targetList" } else { "" }),
            ")" => {
                open.pop();
            }
            name if name.starts_with(':') => field = name,
            value if is_entry(&open) => match field {
                ":resno" => target.number = value.parse().unwrap_or_default(),
                ":resorigtbl" => target.relation = value.parse().unwrap_or_default(),
                ":resorigcol" => target.column = value.parse().unwrap_or_default(),
                _ => {}
            },
            _ => {}
        }
    }
    found
}

/// Whether the innermost open node is an entry of the outermost query's target list.
fn is_entry(open: &[&str]) -> bool {
    matches!(open, ["", "QUERY", ":targetList", "TARGETENTRY"])
}

/// Brackets and words; a backslash takes the next character as it is.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let first = text.chars().next()?;
        let end = if matches!(first, '(' | ')' | '{' | '}') { 1 } else { word(text) };
        let (token, rest) = text.split_at(end);
        self.0 = rest;
        Some(token)
    }
}

fn word(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().find(|&(_, c)| {
        let ends = !escaped && (c.is_whitespace() || matches!(c, '(' | ')' | '{' | '}'));
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::{Target, targets};

    #[test]
    fn only_the_outermost_target_list_counts() {
        let tree = concat!(
            "({QUERY :commandType 1 :rtable ({RTE :alias <> :subquery {QUERY :targetList ",
            "({TARGETENTRY :expr {VAR :varno 1} :resno 1 :resorigtbl 7 :resorigcol 7 :resjunk false})} ",
            ":eref {ALIAS :aliasname a\\{\\ b :colnames (\"x\" \"y\")}}) ",
            ":targetList ({TARGETENTRY :expr {VAR :varattno 2} :resno 1 :resname id :resorigtbl 16384 ",
            ":resorigcol 2 :resjunk false} {TARGETENTRY :expr {CONST :constvalue 4 [ 1 0 ]} :resno 2 ",
            ":resname \\(odd :resorigtbl 0 :resorigcol 0 :resjunk false}) :sortClause <>})",
        );
        assert_eq!(targets(tree), [Target { number: 1, relation: 16384, column: 2 }]);
    }

    #[test]
    fn anything_else_has_no_targets() {
        for text in ["", "<>", "({QUERY", "}}))", "({QUERY :targetList ({TARGETENTRY :resno x"] {
            assert!(targets(text).is_empty());
        }
    }
}
