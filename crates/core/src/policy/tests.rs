use super::{Facts, Known, read};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// `auth.tenant_id()`, `auth.has_permission(text)`, `auth.role()` in these tests.
const TENANT_ID: u32 = 70_001;
const HAS_PERMISSION: u32 = 70_002;
const ROLE: u32 = 70_003;

fn var(column: i32, levels_up: u32) -> String {
    format!("{{VAR :varno 1 :varattno {column} :vartype 2950 :varlevelsup {levels_up} :location 3}}")
}

fn call(function: u32, arguments: &str) -> String {
    let arguments = if arguments.is_empty() { "<>".to_owned() } else { format!("({arguments})") };
    format!("{{FUNCEXPR :funcid {function} :funcresulttype 2950 :args {arguments} :location -1}}")
}

fn equals(left: &str, right: &str) -> String {
    format!("{{OPEXPR :opno 2972 :opfuncid 2956 :opresulttype 16 :args ({left} {right}) :location 5}}")
}

fn bool_expr(operator: &str, arguments: &str) -> String {
    format!("{{BOOLEXPR :boolop {operator} :args ({arguments}) :location 1}}")
}

fn text(value: &str) -> String {
    let length = value.len() + 4;
    let bytes: Vec<String> = value.bytes().map(|byte| byte.cast_signed().to_string()).collect();
    format!(
        "{{CONST :consttype 25 :constlen -1 :constbyval false :constisnull false :location 9 :constvalue {length} [ {} 0 0 0 {} ]}}",
        length << 2,
        bytes.join(" ")
    )
}

fn boolean(value: bool) -> String {
    format!(
        "{{CONST :consttype 16 :constlen 1 :constisnull false :constvalue 1 [ {} 0 0 0 0 0 0 0 ]}}",
        u8::from(value)
    )
}

fn subquery(kind: u32, from: &str, quals: &str, target: &str) -> String {
    format!(
        "{{SUBLINK :subLinkType {kind} :testexpr <> :subselect {{QUERY :commandType 1 :rtable {from} \
         :jointree {{FROMEXPR :fromlist {from} :quals {quals}}} :targetList ({{TARGETENTRY :expr {target} :resname x}}) \
         :limitCount <> :setOperations <>}} :location 2}}"
    )
}

fn facts(tree: &str) -> Facts {
    read(tree, &Known::default()).expect("the tree is well-formed")
}

fn truth(tree: &str, known: &Known) -> Option<bool> {
    read(tree, known).expect("the tree is well-formed").truth
}

fn member() -> Known {
    Known {
        values: BTreeMap::from([
            (TENANT_ID, Some("6f1b5a0c-0000-4000-8000-000000000001".to_owned())),
            (ROLE, Some("authenticated".to_owned())),
        ]),
        has_permission: HAS_PERMISSION,
        permissions: Some(vec!["note:*".to_owned()]),
        has_role: 0,
        roles: None,
    }
}

#[test]
fn a_column_of_the_row_is_told_from_its_namesake_in_a_subquery() {
    let of_row = subquery(0, "({RANGETBLENTRY :relid 5})", &equals(&var(1, 0), &var(2, 1)), &boolean(true));
    assert_eq!(facts(&of_row).columns, BTreeSet::from([2]));
    assert!(facts(&of_row).row_subquery);
    let alone = subquery(0, "({RANGETBLENTRY :relid 5})", &equals(&var(1, 0), &var(3, 0)), &boolean(true));
    assert_eq!(facts(&alone).columns, BTreeSet::new());
    assert!(!facts(&alone).row_subquery);
}

#[test]
fn a_call_that_reads_nothing_of_the_row_is_needless_unless_in_a_subquery() {
    assert_eq!(facts(&equals(&var(2, 0), &call(TENANT_ID, ""))).calls, BTreeMap::from([(TENANT_ID, true)]));
    assert_eq!(facts(&call(9, &var(2, 0))).calls, BTreeMap::from([(9, false)]));
    let wrapped = equals(&var(2, 0), &subquery(4, "<>", "<>", &call(TENANT_ID, "")));
    assert_eq!(facts(&wrapped).calls, BTreeMap::new());
    let both = bool_expr("and", &format!("{} {}", call(9, &var(2, 0)), call(9, &text("x"))));
    assert_eq!(facts(&both).calls, BTreeMap::from([(9, true)]));
}

#[test]
fn a_column_compared_with_itself_is_seen_at_any_depth() {
    assert!(facts(&equals(&var(2, 0), &var(2, 0))).self_comparison);
    let inside = subquery(0, "({RANGETBLENTRY :relid 5})", &equals(&var(1, 0), &var(1, 0)), &boolean(true));
    assert!(facts(&inside).self_comparison);
    assert!(!facts(&equals(&var(2, 0), &var(3, 0))).self_comparison);
    assert!(!facts(&equals(&var(2, 0), &var(2, 1))).self_comparison);
}

#[test]
fn what_is_always_true_is_said_to_be_and_nothing_else() {
    let row = equals(&var(2, 0), &call(TENANT_ID, ""));
    let one_is_one = "{OPEXPR :opfuncid 65 :opresulttype 16 :args ({CONST :consttype 23 :constisnull false :constvalue 4 [ 1 0 0 0 0 0 0 0 ]} \
                      {CONST :consttype 23 :constisnull false :constvalue 4 [ 1 0 0 0 0 0 0 0 ]})}";
    for (tree, expected) in [
        (boolean(true), Some(true)),
        (boolean(false), Some(false)),
        (one_is_one.to_owned(), Some(true)),
        (bool_expr("or", &format!("{row} {}", boolean(true))), Some(true)),
        (bool_expr("and", &format!("{row} {}", boolean(true))), None),
        (bool_expr("and", &format!("{row} {}", boolean(false))), Some(false)),
        (bool_expr("not", &boolean(false)), Some(true)),
        (subquery(4, "<>", "<>", &boolean(true)), Some(true)),
        (subquery(4, "({RANGETBLENTRY :relid 5})", "<>", &boolean(true)), None),
        (row, None),
    ] {
        assert_eq!(facts(&tree).truth, expected, "{tree}");
    }
}

#[test]
fn what_is_known_of_the_user_decides_what_does_not_depend_on_the_row() {
    let row = equals(&var(2, 0), &call(TENANT_ID, ""));
    let may = |permission| call(HAS_PERMISSION, &text(permission));
    let no_tenant = Known { values: BTreeMap::from([(TENANT_ID, None)]), ..member() };
    assert_eq!(truth(&may("note:read"), &member()), Some(true));
    assert_eq!(truth(&may("bill:read"), &member()), Some(false));
    assert_eq!(truth(&may("bill:read"), &Known { permissions: None, ..member() }), None);
    assert_eq!(truth(&bool_expr("and", &format!("{row} {}", may("bill:read"))), &member()), Some(false));
    assert_eq!(truth(&bool_expr("and", &format!("{row} {}", may("note:read"))), &member()), None);
    assert_eq!(truth(&row, &member()), None);
    assert_eq!(truth(&row, &no_tenant), Some(false));
    assert_eq!(truth(&bool_expr("not", &row), &no_tenant), Some(false));
    let is_authenticated = format!(
        "{{OPEXPR :opfuncid 67 :opresulttype 16 :args ({} {})}}",
        call(ROLE, ""),
        text("authenticated")
    );
    assert_eq!(truth(&is_authenticated, &member()), Some(true));
    let tenant_is_null = format!("{{NULLTEST :arg {} :nulltesttype 0 :argisrow false}}", call(TENANT_ID, ""));
    assert_eq!(truth(&tenant_is_null, &member()), Some(false));
    assert_eq!(truth(&tenant_is_null, &no_tenant), Some(true));
}

#[test]
fn no_name_passes_for_structure() {
    let tree = format!(
        "{{SUBLINK :subLinkType 0 :subselect {{QUERY :rtable ({{RANGETBLENTRY :eref {{ALIAS :aliasname :funcid :colnames (\"\\}}\\ \\{{FUNCEXPR\" \"[\")}}}}) \
         :targetList ({{TARGETENTRY :expr {} :resname [}}) :jointree {{FROMEXPR :fromlist <> :quals <>}}}}}}",
        boolean(true)
    );
    assert_eq!(facts(&tree).calls, BTreeMap::new());
}

#[test]
fn what_is_no_tree_gives_no_facts() {
    for text in
        ["", "true", "{", "}", "{CONST", "{CONST :a}", "{CONST a b}", "{A} {B}", "(", "{A :b 1 [ 2 }", "<>"]
    {
        assert_eq!(read(text, &Known::default()), None, "{text}");
    }
    let deep = format!("{}{}{}", "{A :b ".repeat(100_000), "1", "}".repeat(100_000));
    assert_eq!(read(&deep, &Known::default()), None);
}

proptest! {
    #[test]
    fn no_text_panics(text in r#"([{}()\[\] \\:<>"a-c0-9é-]|VAR|OPEXPR|CONST| :args | :varno 1){0,60}"#) {
        let _ = read(&text, &Known::default());
    }
}

/// Trees as PostgreSQL 15 to 18 print them: name, tree, and the oids of `auth.tenant_id`,
/// `auth.uid`, `auth.role` and `auth.has_permission`. Made in a new cluster of each by
///
/// ```sql
/// create table x (a int, tenant_id uuid, title text);
/// create table m (tenant_id uuid, user_id uuid);
/// create policy p1 on x using (tenant_id = (select auth.tenant_id()) and auth.has_permission('notes:read'));
/// create policy p2 on x using (exists (select 1 from m where m.tenant_id = x.tenant_id and m.user_id = auth.uid()));
/// create policy p3 on x using (1=1 or title = 'b');
/// create policy p4 on x using (auth.uid() is not null and auth.role() in ('authenticated', 'x'));
/// create policy p6 on x using (true);
/// create policy p7 on x using ((with c as (select user_id as u from m group by 1 having count(*) > 1) select u from c limit 1)
///     = auth.uid() and coalesce(title, 'z') like 'a%' and a between 1 and 2);
/// ```
const TREES: [&str; 4] = [
    include_str!("trees/15.tsv"),
    include_str!("trees/16.tsv"),
    include_str!("trees/17.tsv"),
    include_str!("trees/18.tsv"),
];

#[test]
fn every_version_of_postgresql_is_read_alike() {
    for trees in TREES {
        let mut seen = Vec::new();
        for line in trees.lines() {
            let [name, tree, oids] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let oids: Vec<u32> = oids.split(' ').map(|oid| oid.parse().expect("an oid")).collect();
            let [_, uid, role, has_permission] = oids[..] else { panic!("four oids") };
            let nobody = Known {
                values: BTreeMap::from([(uid, None), (role, Some("authenticated".to_owned()))]),
                has_permission,
                permissions: Some(vec![]),
                ..Known::default()
            };
            let anybody = facts(tree);
            let calls: Vec<u32> = anybody.calls.keys().copied().collect();
            let columns: Vec<i32> = anybody.columns.iter().copied().collect();
            let expected = match name {
                "p1" => (vec![2], vec![has_permission], false, None, Some(false)),
                "p2" => (vec![2], vec![], true, None, None),
                "p3" => (vec![3], vec![], false, Some(true), Some(true)),
                "p4" => (vec![], vec![uid, role], false, None, Some(false)),
                "p6" => (vec![], vec![], false, Some(true), Some(true)),
                "p7" => (vec![1, 3], vec![uid], false, None, Some(false)),
                _ => panic!("{name}"),
            };
            let found = (columns, calls, anybody.row_subquery, anybody.truth, truth(tree, &nobody));
            assert_eq!(found, expected, "{name}: {tree}");
            seen.push(name);
        }
        assert_eq!(seen, ["p1", "p2", "p3", "p4", "p6", "p7"]);
    }
}
