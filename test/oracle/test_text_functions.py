"""Functions on text that run inside: substring in every form, over characters of several bytes."""

import pytest


@pytest.fixture(scope="module")
def tables(session):
    session.execute("""
        drop table if exists words, no_words;
        create table words (id int not null, word text, padded char(12), start int, length int);
        insert into words select i, case when i % 7 = 0 then null when i % 5 = 0 then 'żółw ' || i || ' 亀🐢'
            when i % 3 = 0 then '' else repeat('word', i % 40) || i end, 'ab' || i % 50, i % 11 - 4, i % 6
          from generate_series(1, 4000) i;
        insert into words values (4001, 'negative', 'x', 2, -1), (4002, null, 'x', 2, -1),
          (4003, 'large', 'x', 2147483647, 2147483647), (4004, 'small', 'x', -2147483648, 2147483647);
        create table no_words (like words);
        analyze words; analyze no_words;
    """)
    return session


@pytest.mark.parametrize("part", ("substring(word from start for length)", "substring(word from start)",
                                  "substr(word, start, length)", "substr(word, start)",
                                  "substring(word from 1 for 2)", "substring(word from -1 for 4)",
                                  "substring(word from 2 for 0)", "substring(padded from 2 for 3)",
                                  "substring(padded from length)", "substring(word from 3 for 13)",
                                  "substring('constant żółw' from start for 6)"))
def test_substring_as_a_group(tables, part):
    tables.assert_same(f"select {part}, count(*), min(id) from words where id not in (4001, 4002) "
                       "group by 1", workers=(0, 2))


def test_substring_in_conditions(tables):
    tables.assert_same("select count(*), sum(id) from words where substring(word from 1 for 4) in "
                       "('word', 'żółw', '')")
    tables.assert_same("select count(*) from words where id < 4001 and "
                       "substring(word from start for length) = substring(padded from 1 for 2)")


def test_negative_length_is_an_error_where_nothing_is_null(tables):
    outcome = tables.assert_same("select count(*) from words where substring(word from start for length) = 'x'")
    assert outcome[:3] == ("error", "22011", "negative substring length not allowed")
    query = "select count(*) from words where id {} and substring(word from start for length) = 'x'"
    assert tables.assert_same(query.format("<> 4001"))[0] == "rows"
    assert tables.assert_same(query.format("= 4002"))[0] == "rows"
    tables.assert_same("select count(*) from no_words where substring(word from 1 for -1) = ''")


def test_negative_length_in_a_branch_not_taken_is_no_error(tables):
    tables.assert_same("select count(case when length < 0 then 1 when substring(word from start for length) = '' "
                       "then 2 end) from words")


def test_join_on_a_substring(tables):
    tables.assert_same("""
        select count(*), sum(a.id) from words a, words b
        where substring(a.padded from 3 for 2) = substring(b.padded from 3 for 2) and b.id < 60""")
