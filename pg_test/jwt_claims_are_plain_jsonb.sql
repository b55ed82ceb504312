-- The claims that auth.jwt_verify gives are written by src/jsonb.rs: to the byte what PostgreSQL makes of the same text.
begin;
select tap.plan(5);

-- Objects and arrays of every size around the strides of the format, parts of every length and alignment, nested.
create temporary table document as
with leaf (number, value) as (
    values (0, 'null'::jsonb), (1, 'true'), (2, 'false'), (3, '0'), (4, '-1'), (5, '9223372036854775807'), (6, '-9223372036854775808'),
           (7, '18446744073709551615'), (8, '0.5'), (9, '-2.25'), (10, '1700000000'), (11, '""'), (12, '"a"'), (13, '"ab"'), (14, '"abc"'),
           (15, '"abcd"'), (16, '"ä€😀"'), (17, '"\"\\\n\t"'), (18, '[]'), (19, '{}'), (20, '[1, "x", [2, {"y": null}]]'), (21, '{"b": 1, "a": "z", "aa": [0.5]}')
),
part (size, shift, number, value) as (
    select size, shift, n, leaf.value
      from unnest(array[0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100]) as size,
           generate_series(0, 21) as shift,
           generate_series(1, size) as n,
           leaf
     where leaf.number = (n + shift) % 22
),
object (value) as (
    -- Names of all lengths, so that the order by length and the order by letter differ.
    select jsonb_object_agg(left(md5(number::text), number % 9 + 1) || number, value) from part group by size, shift
)
select value from object
union all select '{}'
union all select jsonb_build_object('list', jsonb_agg(value order by number), 'after', shift) from part group by size, shift
union all select jsonb_build_object('in', value, 'out', jsonb_build_array(value, 1, value)) from object
union all select jsonb_build_object('', 1, 'long', repeat('x', 3000), 'number', 1e300::numeric::text::jsonb);

create temporary table verified as
select value as given, auth.jwt_verify(auth.jwt_sign(value, 'a secret of thirty-two bytes or more'), 'a secret of thirty-two bytes or more', '{HS256}', required => '{}') as got
  from document;

select tap.cmp_ok((select count(*) from verified), '>', 700::bigint, 'many shapes are tried');
select tap.is_empty('select given from verified where got is distinct from given', 'the claims are equal to what was signed');
select tap.is_empty('select given from verified where got::text <> given::text', 'they print the same');
select tap.is_empty('select given from verified where not record_image_eq(row(got), row(given))', 'they are the same bytes');
select tap.is_empty(
    'select given, key from verified, jsonb_object_keys(given) as key where got -> key is distinct from given -> key',
    'every claim is found by its name');

select * from tap.finish();
rollback;
