"""Embedding related rows."""

import pytest
from data_api import make_library, prefer, serve


@pytest.fixture(scope="module")
def api():
    make_library()
    with serve(DB_AGGREGATES_ENABLED="true") as client:
        yield client


def get(api, path, **headers):
    answer = api.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_to_one_to_many_and_many_to_many(api):
    [row] = get(api, "/book?select=id,author!book_author(name),genre(label)&id=eq.3&genre.order=label")
    assert row == {"id": 3, "author": {"name": "Bo Li"}, "genre": [{"label": "poetry"}, {"label": "science"}]}
    [row] = get(api, "/author?select=name,book!book_author(id,cover(book_id))&id=eq.2&book.order=id")
    assert row == {"name": "Bo Li", "book": [{"id": 2, "cover": {"book_id": 2}}, {"id": 3, "cover": None}]}
    [row] = get(api, "/book?select=author!book_author(name)&id=eq.4")
    assert row == {"author": None}


def test_two_ways_must_be_told_apart(api):
    answer = api.get("/book?select=author(*)")
    assert answer.status_code == 300 and answer.json()["code"] == "PGRST201"
    assert {choice["relationship"].split(" ")[0] for choice in answer.json()["details"]} == {"book_author", "book_editor"}
    [row] = get(api, "/book?select=author_id(name),ed:author!editor_id(name)&id=eq.1")
    assert row == {"author_id": {"name": "Ada Byron"}, "ed": {"name": "Bo Li"}}


def test_a_relation_is_embedded_in_itself(api):
    [row] = get(api, "/employee?select=name,boss_id(name),under:employee(name)&id=eq.2&under.order=id")
    assert row == {"name": "Mid", "boss_id": {"name": "Top"}, "under": [{"name": "Low"}, {"name": "Lower"}]}


def test_views_have_their_tables_relationships(api):
    [row] = get(api, "/long_book?select=title,author(name),genre(label)&id=eq.2")
    assert row == {"title": "Rivers, roads", "author": {"name": "Bo Li"}, "genre": [{"label": "poetry"}]}
    assert get(api, "/author?select=name,long_book(id)&id=eq.1") == [{"name": "Ada Byron", "long_book": []}]


def test_a_function_is_a_relationship(api):
    rows = get(api, "/author?select=name,origin(name)&order=id")
    assert rows == [{"name": "Ada Byron", "origin": {"name": "United Kingdom"}}, {"name": "Bo Li", "origin": {"name": "China"}},
                    {"name": "Cy Ng", "origin": None}]


def test_embedded_rows_have_filters_order_and_limit_of_their_own(api):
    rows = get(api, "/author?select=id,b:book!book_author(id)&b.pages=gt.400&order=id")
    assert rows == [{"id": 1, "b": []}, {"id": 2, "b": [{"id": 2}]}, {"id": 3, "b": []}]
    rows = get(api, "/author?select=id,b:book!book_author(id)&b.order=pages.desc&b.limit=1&b.offset=1&id=eq.2")
    assert rows == [{"id": 2, "b": [{"id": 3}]}]
    rows = get(api, "/author?select=id,b:book!book_author(id)&b.or=(pages.lt.200,pages.gt.400)&order=id")
    assert [len(row["b"]) for row in rows] == [1, 1, 0]


def test_inner_joins_and_null_filters_take_rows_away(api):
    assert [row["id"] for row in get(api, "/author?select=id,book!book_author!inner(id)&order=id")] == [1, 2]
    query = "/author?select=id,b:book!book_author()&order=id"
    assert get(api, query + "&b=not.is.null") == [{"id": 1}, {"id": 2}] and get(api, query + "&b=is.null") == [{"id": 3}]
    assert get(api, query + "&or=(b.is.null,name.eq.Ada Byron)") == [{"id": 1}, {"id": 3}]
    answer = api.get(query + "&b=not.is.null&limit=1", headers=prefer("count=exact"))
    assert answer.headers["content-range"] == "0-0/2"


def test_rows_are_sorted_by_an_embedded_row(api):
    rows = get(api, "/book?select=id,author!book_author(name)&order=author(name).desc.nullslast,id")
    assert [row["id"] for row in rows] == [2, 3, 1, 4]
    answer = api.get("/author?select=book!book_author(id)&order=book(id)")
    assert answer.status_code == 400 and answer.json()["code"] == "PGRST118"


def test_columns_are_spread_into_the_row_above(api):
    assert get(api, "/book?select=id,...author!book_author(who:name)&id=eq.1") == [{"id": 1, "who": "Ada Byron"}]
    [row] = get(api, "/author?select=id,...book!book_author(title,pages)&id=eq.2&book.order=pages.desc")
    assert row == {"id": 2, "title": ["Rivers, roads", "Mountains"], "pages": [480, 350]}
    [row] = get(api, "/book?select=title,...genre(genres:label)&id=eq.3&genre.order=label.desc")
    assert row == {"title": "Mountains", "genres": ["science", "poetry"]}
    rows = get(api, "/book?select=...author!book_author(country),pages.sum()&order=author(country)&author_id=not.is.null")
    assert sorted((row["country"], row["sum"]) for row in rows) == [("cn", 830), ("uk", 120)]


def test_a_name_that_has_an_alias_still_works_with_a_warning(api):
    answer = api.get("/author?select=id,b:book!book_author(id)&book.id=eq.1&id=eq.1")
    assert answer.status_code == 200 and "`book` to `b`" in answer.headers["warning"]
    with serve(URL_USE_LEGACY_TARGET_NAMES="false") as client:
        answer = client.get("/author?select=id,b:book!book_author(id)&book.id=eq.1")
        assert answer.status_code == 400 and answer.json()["code"] == "PGRST108"


@pytest.mark.parametrize("query,code", [
    ("select=nothing(*)", "PGRST200"), ("select=genre!nothing(*)", "PGRST200"), ("author.name=eq.x", "PGRST108"),
    ("select=*,genre(*)&author.order=id", "PGRST108"), ("order=author(name)", "PGRST108"), ("select=secret(*)", "PGRST200"),
])
def test_what_does_not_belong_together_is_a_clear_refusal(api, query, code):
    answer = api.get(f"/book?{query}")
    assert answer.status_code == 400 and answer.json()["code"] == code, answer.text
