use super::{
    Column, Junction, Key, Kind, Name, Parameter, Relation, Relationship, Routine, SchemaCache, Volatility,
};
use crate::schema_cache::routine::Returns;

fn column(name: &str, data_type: &str) -> Column {
    Column {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        nominal_type: data_type.to_owned(),
        default_value: (name == "id").then(|| "nextval('s')".to_owned()),
        ..Column::default()
    }
}

fn relation(schema: &str, name: &str, columns: Vec<Column>) -> Relation {
    Relation {
        name: Name::new(schema, name),
        columns,
        insertable: true,
        updatable: true,
        primary_key: vec!["id".to_owned()],
        ..Relation::default()
    }
}

fn key(constraint: &str, columns: &[(&str, &str)]) -> Key {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    Key { constraint: constraint.to_owned(), columns: columns.iter().map(owned).collect() }
}

fn relationship(table: &str, foreign: &str, kind: Kind) -> Relationship {
    Relationship {
        table: Name::new("api", table),
        foreign: Name::new("api", foreign),
        kind,
        table_is_view: false,
        foreign_is_view: false,
    }
}

fn routine(name: &str, parameters: &[(&str, &str, bool)], set: bool, composite: bool) -> Routine {
    let parameter = |(name, data_type, required): &(&str, &str, bool)| Parameter {
        name: (*name).to_owned(),
        data_type: (*data_type).to_owned(),
        open_type: (*data_type).to_owned(),
        required: *required,
        variadic: false,
    };
    let returns = if composite { Name::new("api", "notes") } else { Name::new("pg_catalog", "int4") };
    Routine {
        name: Name::new("api", name),
        parameters: parameters.iter().map(parameter).collect(),
        returns: Returns { name: returns, set, composite },
        volatility: Volatility::Stable,
        ..Routine::default()
    }
}

/// A small schema for the tests of other modules: notes of people, tagged.
pub(crate) fn example() -> SchemaCache {
    let notes = vec![
        column("id", "bigint"),
        column("body", "text"),
        column("odd \"name", "text"),
        column("data", "jsonb"),
        column("author_id", "bigint"),
    ];
    let people = vec![column("id", "bigint"), column("name", "text")];
    let mut cache = SchemaCache::default();
    for relation in [
        relation("api", "notes", notes),
        relation("api", "people", people),
        relation("api", "tags", vec![column("id", "bigint")]),
        relation("odd \"schema", "notes", Vec::new()),
    ] {
        cache.relations.insert(relation.name.clone(), relation);
    }
    let author =
        relationship("notes", "people", Kind::ManyToOne(key("notes_author", &[("author_id", "id")])));
    let junction = Junction {
        table: Name::new("api", "note_tags"),
        source: key("nt_note", &[("id", "note_id")]),
        target: key("nt_tag", &[("id", "tag_id")]),
    };
    let tags = relationship("notes", "tags", Kind::ManyToMany(junction));
    for one in [author.inverse().unwrap(), author, tags] {
        cache.relationships.entry(one.table.clone()).or_default().push(one);
    }
    for routine in [
        routine("add", &[("a", "integer", true), ("b", "integer", false)], false, false),
        routine("search", &[("text", "text", true)], true, true),
        routine("echo", &[("", "json", true)], false, false),
    ] {
        cache.routines.entry(routine.name.clone()).or_default().push(routine);
    }
    cache
}

#[test]
fn a_relation_is_found_in_its_schema_only() {
    let cache = example();
    assert!(cache.relation(&Name::new("api", "notes")).is_some());
    assert!(cache.relation(&Name::new("public", "notes")).is_none());
    assert!(cache.relation(&Name::new("api", "Notes")).is_none());
}

#[test]
fn a_foreign_key_leads_both_ways() {
    let cache = example();
    let people = Name::new("api", "people");
    let inverse: Vec<_> = cache.relationships(&people, "api").collect();
    assert_eq!(inverse.len(), 1);
    assert!(!inverse[0].is_to_one() && inverse[0].foreign.name == "notes");
    assert!(cache.relationships(&people, "other").next().is_none());
}

#[test]
fn the_dump_is_json_of_everything() {
    let dump = example().to_json();
    assert_eq!(dump["relations"].as_array().unwrap().len(), 4);
    assert_eq!(dump["relationships"].as_array().unwrap().len(), 3);
}
