"""Reading: filters, logic, JSON, ranges, counts, aggregates, order."""

import pytest
from data_api import make_library, prefer, serve


@pytest.fixture(scope="module")
def api():
    make_library()
    with serve(DB_AGGREGATES_ENABLED="true", DB_TX_END="rollback") as client:
        yield client


def ids(api, query):
    answer = api.get(f"/book?select=id&order=id&{query}")
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()]


@pytest.mark.parametrize("query,expected", [
    ("id=eq.1", [1]), ("id=neq.1", [2, 3, 4]), ("pages=gt.350", [2]), ("pages=gte.350", [2, 3]), ("pages=lt.200", [1]),
    ("pages=lte.350", [1, 3]), ("title=like.*o*ns", [3]), ("title=like.Mount*", [3]), ("title=ilike.*NOTES*", [1]),
    ("title=match.^R", [2]), ("title=imatch.^r", [2]), ("id=in.(1,3)", [1, 3]), ('title=in.("Rivers, roads",x)', [2]),
    ("author_id=is.null", [4]), ("author_id=is.not_null", [1, 2, 3]), ("author_id=not.is.null", [1, 2, 3]),
    ("author_id=isdistinct.2", [1, 4]), ("words=fts.river", [2]), ("title=plfts(english).the engines", [1]),
    ("title=wfts.rivers or mountains", [2, 3]), ("tags=cs.{old}", [1, 3]), ("tags=cd.{old,short}", [1, 4]),
    ("tags=ov.{long,x}", [2, 3]), ("sold=cs.[2020-01-10,2020-01-15)", [1]), ("sold=sl.[2020-06-01,2020-07-01)", [1]),
    ("sold=sr.[2020-06-01,2020-07-01)", [2]), ("sold=nxr.[2020-06-01,2020-07-01)", [1]), ("sold=adj.[2020-02-01,2020-03-01)", [1]),
    ("id=eq(any).{1,2}", [1, 2]), ("title=like(all).{*o*,*s}", [1, 2, 3, 4]), ("id=not.eq(any).{1,2}", [3, 4]),
    ("id=not.in.(1,2)", [3, 4]), ("or=(id.eq.1,pages.gt.400)", [1, 2]), ("and=(id.gt.1,or(pages.is.null,pages.eq.350))", [3, 4]),
    ("not.or=(id.eq.1,id.eq.2)", [3, 4]), ("id=gt.1&id=lt.4", [2, 3]), ('or=(title.eq."Rivers, roads",id.eq.1)', [1, 2]),
    ("details->>lang=eq.zh", [2, 3]), ("details->dim->>w=eq.20", [3]), ("details->ed->0=eq.1", [1]), ("details->ed->>-1=eq.2", [1]),
    ("title_length=eq.9", [3]), ("id=in.()", []), ("limit=2&offset=1", [2, 3]), ("limit=0", []),
])
def test_every_operator_finds_its_rows(api, query, expected):
    assert ids(api, query) == expected


def test_select_renames_casts_and_reaches_into_json(api):
    [row] = api.get("/book?select=nr:id,price::text,details->dim->w,lang:details->>lang,title_length&id=eq.1").json()
    assert row == {"nr": 1, "price": "9.50", "w": 10, "lang": "en", "title_length": 16}


def test_rows_are_sorted_with_their_nulls_where_asked(api):
    def order(by):
        return [row["id"] for row in api.get(f"/book?select=id&order={by}").json()]

    assert order("pages.desc.nullslast,id") == [2, 3, 1, 4]
    assert order("pages.nullsfirst") == [4, 1, 3, 2]
    assert order("details->dim->w.desc.nullslast,id.desc") == [3, 1, 4, 2]


def test_a_range_and_a_count_tell_what_there_is(api):
    answer = api.get("/book?order=id", headers={"Range": "1-2", **prefer("count=exact")})
    assert answer.status_code == 206 and answer.headers["content-range"] == "1-2/4"
    assert api.get("/book?limit=4", headers=prefer("count=exact")).status_code == 200
    assert api.get("/book").headers["content-range"] == "0-3/*"
    assert api.get("/book?id=eq.99").headers["content-range"] == "*/*"
    assert api.get("/book", headers=prefer("count=planned")).headers["content-range"].split("/")[1].isdigit()
    assert api.get("/book", headers=prefer("count=estimated")).headers["content-range"] == "0-3/4"
    beyond = api.get("/book?offset=10", headers=prefer("count=exact"))
    assert beyond.status_code == 416 and beyond.json()["code"] == "PGRST103" and beyond.headers["content-range"] == "*/4"
    assert api.get("/book", headers={"Range": "3-1"}).status_code == 416


def test_head_has_the_headers_and_no_body(api):
    answer = api.head("/book?limit=1", headers=prefer("count=exact"))
    assert answer.headers["content-range"] == "0-0/4" and answer.content == b"" and "content-length" not in answer.headers


def test_aggregates_group_by_what_else_is_selected(api):
    rows = api.get("/book?select=author_id,count(),total:pages.sum(),price.max()::text&order=author_id&author_id=not.is.null").json()
    assert rows == [{"author_id": 1, "count": 1, "total": 120, "max": "9.50"}, {"author_id": 2, "count": 2, "total": 830, "max": "25.00"}]
    [row] = api.get("/author?select=name,book!book_author(pages.avg()::int)&id=eq.2").json()
    assert row == {"name": "Bo Li", "book": [{"avg": 415}]}


def test_aggregates_are_off_unless_allowed():
    with serve() as client:
        answer = client.get("/book?select=pages.sum()")
        assert answer.status_code == 400 and answer.json()["code"] == "PGRST123"


def test_a_domain_is_shown_and_compared_as_it_looks_outside(api):
    assert api.get("/book?select=shade&id=eq.1").json() == [{"shade": "#0000ff"}]
    assert ids(api, "shade=eq.%23ff0000") == [2] and ids(api, "shade=in.(%230000ff,%23ff0000)") == [1, 2]
    assert api.get("/book?id=eq.1").json()[0]["shade"] == "#0000ff"


def test_most_rows_bound_every_list():
    with serve(DB_MAX_ROWS=1) as client:
        answer = client.get("/book", headers=prefer("count=exact"))
        assert len(answer.json()) == 1 and answer.headers["content-range"] == "0-0/4"
        assert [len(row["book"]) for row in client.get("/author?select=book!book_author(id)&id=eq.2").json()] == [1]


def test_the_content_location_is_canonical(api):
    assert api.get("/book?order=id&limit=1&id=eq.1").headers["content-location"] == "/book?id=eq.1&limit=1&order=id"
