"""What an extension has made in a database, in words that are the same in every database."""

MEMBERS = """
    select i.type || ' ' || i.identity, null
      from pg_depend as d cross join lateral pg_identify_object(d.classid, d.objid, 0) as i
     where d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
       and d.refobjid = (select oid from pg_extension where extname = 'pg_gatehouse')"""

# Functions that are members; those of the test build come with create extension only.
FUNCTIONS = """
    select p.oid::regprocedure::text,
           concat_ws(E'\\n', pg_get_functiondef(p.oid), p.proowner::regrole, p.proacl, obj_description(p.oid, 'pg_proc'))
      from pg_proc as p join member on member.classid = 'pg_proc'::regclass and member.objid = p.oid"""

RELATIONS = """
    select c.oid::regclass::text,
           concat_ws(' | ', c.relkind, c.relpersistence, c.relowner::regrole, c.relacl, c.reloptions, c.relrowsecurity,
                     c.relforcerowsecurity, c.relreplident, obj_description(c.oid, 'pg_class'), pg_get_partkeydef(c.oid),
                     pg_get_expr(c.relpartbound, c.oid), case c.relkind when 'v' then pg_get_viewdef(c.oid) end)
      from relation join pg_class as c using (oid)"""

COLUMNS = """
    select a.attrelid::regclass || '.' || a.attname,
           concat_ws(' | ', rank() over (partition by a.attrelid order by a.attnum), format_type(a.atttypid, a.atttypmod),
                     a.attcollation::regcollation, a.attnotnull, a.attidentity, a.attgenerated, a.attstorage, a.attacl,
                     pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum))
      from relation join pg_attribute as a on a.attrelid = relation.oid
      left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attnum > 0 and not a.attisdropped"""

CONSTRAINTS = """
    select c.conrelid::regclass || ' ' || c.conname,
           concat_ws(' | ', pg_get_constraintdef(c.oid), c.convalidated, c.conislocal, c.coninhcount,
                     obj_description(c.oid, 'pg_constraint'))
      from relation join pg_constraint as c on c.conrelid = relation.oid"""

INDEXES = """
    select i.indexrelid::regclass::text,
           concat_ws(' | ', pg_get_indexdef(i.indexrelid), i.indisvalid, obj_description(i.indexrelid, 'pg_class'))
      from relation join pg_index as i on i.indrelid = relation.oid"""

TRIGGERS = """
    select t.tgrelid::regclass || ' ' || t.tgname, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
      from relation join pg_trigger as t on t.tgrelid = relation.oid
     where not t.tgisinternal"""

POLICIES = """
    select p.polrelid::regclass || ' ' || p.polname,
           concat_ws(' | ', p.polcmd, p.polpermissive, p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid),
                     pg_get_expr(p.polwithcheck, p.polrelid))
      from relation join pg_policy as p on p.polrelid = relation.oid"""

TYPES = """
    select t.oid::regtype::text, concat_ws(' | ', t.typtype, t.typowner::regrole, t.typacl, obj_description(t.oid, 'pg_type'))
      from pg_type as t where t.typnamespace = 'auth'::regnamespace
       and t.typrelid in (select oid from relation) and t.typelem = 0"""

DUMPED = """
    select c.oid::regclass::text, c.condition
      from pg_extension, unnest(extconfig, extcondition) as c (oid, condition)
     where extname = 'pg_gatehouse'"""

FIRST_PRIVILEGES = """
    select i.type || ' ' || i.identity, p.initprivs::text
      from pg_init_privs as p join member on member.classid = p.classoid and member.objid = p.objoid
     cross join lateral pg_identify_object(p.classoid, p.objoid, p.objsubid) as i"""

KINDS = {
    "members": MEMBERS, "functions": FUNCTIONS, "relations": RELATIONS, "columns": COLUMNS, "constraints": CONSTRAINTS,
    "indexes": INDEXES, "triggers": TRIGGERS, "policies": POLICIES, "types": TYPES, "dumped": DUMPED,
    "first privileges": FIRST_PRIVILEGES,
}


def described(connection, kind):
    """Names to descriptions of all of one kind that belongs to the extension."""
    rows = connection.execute(f"""
        with member as (
            select classid, objid from pg_depend
             where refclassid = 'pg_extension'::regclass and deptype = 'e'
               and refobjid = (select oid from pg_extension where extname = 'pg_gatehouse')
        ), relation as (
            select objid as oid from member where classid = 'pg_class'::regclass
        )
        {KINDS[kind]}""").fetchall()
    made = dict(rows)
    assert made or kind == "policies", f"no {kind}"
    assert len(made) == len(rows), f"{kind} of the same name"
    return made
