"""Queries see the lake's tables and nothing else, whatever is written in them."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.labels.engine.sql import guard
from brume.labels.engine.sql.functions import ALLOWED, ALLOWED_TABLES, MACROS
from brume.labels.engine.sql.plan import FailedError, plan
from brume.labels.engine.sql.statement import RefusedError
from tests.components.labels.engine.dialect import CONTEXT, ask

ATTACKS = [
    # files by name
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd"',
    "SELECT * FROM \"x.csv\"",
    "SELECT * FROM \"db\".\"/etc/passwd\"",
    "SELECT * FROM \"main\".\"/etc/passwd\"",
    "SELECT * FROM people, '/etc/passwd'",
    "SELECT (SELECT count(*) FROM '/etc/hosts')",
    "WITH \"/etc/passwd\" AS (SELECT 1) SELECT * FROM \"/etc/passwd\"",
    "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a",
    "SELECT * FROM (WITH \"x.csv\" AS (SELECT 1) SELECT 1), \"x.csv\"",
    # files by function
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM READ_BLOB('/etc/passwd')",
    "SELECT * FROM \"read_text\"('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM parquet_metadata('x.parquet')",
    "SELECT * FROM parquet_scan('x.parquet')",
    "SELECT * FROM read_json_auto('http://example.org/x.json')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM TABLE(read_text('/etc/passwd'))",
    "SELECT * FROM people CROSS JOIN LATERAL (SELECT * FROM read_text('/etc/passwd'))",
    "SELECT * FROM UNNEST((SELECT array_agg(content) FROM read_text('/etc/passwd'))) AS t(x)",
    "SELECT read_text('/etc/passwd')",
    # SQL in texts
    "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "SELECT * FROM query_table('people')",
    "SELECT json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT * FROM json_execute_serialized_sql('{}')",
    # the server
    "SELECT getenv('AWS_SECRET_ACCESS_KEY')",
    "SELECT current_setting('memory_limit')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_views",
    "SELECT * FROM which_secret('s3://x', 's3')",
    "SELECT * FROM pragma_version()",
    "SELECT version()",
    "SELECT current_database()",
    "SELECT current_query()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_class",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM system.information_schema.tables",
    "SELECT getvariable('x')",
    "SELECT nextval('s')",
    "SELECT sleep_ms(100000)",
    "SELECT pg_sleep(1000)",
    "SELECT write_log('x')",
    "SELECT main.abs(1)",
    "SELECT system.main.read_text('x')",
    # statements
    "COPY people TO '/tmp/x'",
    "COPY (SELECT 1) TO '/tmp/x.csv'",
    "EXPORT DATABASE '/tmp/x'",
    "ATTACH '/tmp/x.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '1TB'",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP MACRO f() AS 1",
    "CREATE SECRET s (TYPE s3)",
    "INSERT INTO people SELECT 1",
    "DELETE FROM people",
    "UPDATE people SET id = 1",
    "MERGE INTO people USING people ON true WHEN MATCHED THEN DELETE",
    "DROP VIEW people",
    "ALTER TABLE people ADD COLUMN x int",
    "TRUNCATE TABLE people",
    "CHECKPOINT",
    "USE main",
    "DEALLOCATE x",
    "SUMMARIZE people",
    "PIVOT people ON name",
    "FROM '/etc/passwd'",
    "TABLE \"/etc/passwd\"",
    "EXPLAIN ANALYZE SELECT 1",
    "EXPLAIN COPY people TO 'x'",
    "SELECT 1; DROP VIEW people",
    "SELECT 1;; COPY people TO 'x'",
    "SELECT 1 INTO OUTFILE 'x'",
    "WITH x AS (DELETE FROM people RETURNING *) SELECT * FROM x",
    "WITH x AS (INSERT INTO people SELECT 1) SELECT * FROM x",
    "SELECT * FROM (SHOW TABLES)",
    "SELECT * FROM (DESCRIBE people)",
    "SELECT * FROM (SUMMARIZE people)",
    "SELECT * FROM people PIVOT (count(*) FOR id IN (1))",
    "UNLOAD (SELECT * FROM '/etc/passwd') TO 's3://b/x/' WITH (format = 'PARQUET')",
    "UNLOAD (COPY people TO 'x') TO 's3://b/x/' WITH (format = 'PARQUET')",
    "UNLOAD (SELECT 1) TO 's3://b/x/' WITH (format = 'PARQUET') ; DROP VIEW people",
    "UNLOAD (SELECT 1)) TO 's3://b/x/' WITH (format = 'PARQUET')",
    # names that mean something only to one of the two parsers
    "SELECT $1",
    "SELECT #1",
    "SELECT ?",
    "SELECT :x",
    "SELECT 1 /* */ FROM /* ' */ '/etc/passwd' -- '",
    "SELECT U&'\\0027' FROM read_text('x')",
    "SELECT * FROM people FOR VERSION AS OF 1",
    "SELECT trino_entries_x(1)",
    "SELECT \"read_text\"('x')",
    "USING EXTERNAL FUNCTION f(x int) RETURNS int LAMBDA 'x' SELECT f(1)",
    "SELECT people.read_text('x') FROM people",
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_does_not_get_through(attack: str) -> None:
    with pytest.raises((RefusedError, FailedError)):
        plan(attack, CONTEXT)


def _every_function() -> list[tuple[str, str]]:
    with duckdb.connect() as connection:
        return connection.execute(
            "SELECT DISTINCT function_name, function_type FROM duckdb_functions() ORDER BY ALL"
        ).fetchall()


# What reaches out of a query or into the server, or keeps or changes something, by DuckDB's names.
REACHES_OUT = re.compile(
    r"read_|scan|parquet|csv|glob|sniff|getenv|setting|secret|variable|currval|nextval|setval|setseed|sleep"
    r"|current_(?!date|localtime|time)|in_search_path|version|pragma|duckdb|connection|txid|transaction_id"
    r"|log(?!$|2$|10$)|query|execute|serialize|attach|install|extension|checkpoint|profil|verif|optimi|object_cache"
    r"|user|has_.*privilege|^pg_|inet_|summary|memory|storage|database|external_resource|_key\b|dialect|metric"
    r"|stats|vector_type|test_|seq_scan|arrow|pandas|python|parse_duckdb|block_size|enable|disable|force|copy_"
)


def test_no_function_that_reaches_out_is_allowed() -> None:
    every = _every_function()
    assert len(every) > 800
    taken = {name for name, _ in every if name in ALLOWED | ALLOWED_TABLES}
    assert {name for name in taken if REACHES_OUT.search(name)} <= {"geometric_mean"}
    tables = {name for name, kind in every if kind in ("table", "table_macro", "pragma")}
    assert taken & tables & ALLOWED_TABLES == ALLOWED_TABLES & tables
    # Scalar functions that share a table function's name make one value of another.
    assert taken & tables - ALLOWED_TABLES == {"histogram", "repeat"}


def test_a_function_that_is_not_on_the_list_cannot_be_called() -> None:
    for name, kind in _every_function():
        of_tables = kind in ("table", "table_macro")
        called = f'SELECT * FROM "{name}"(1)' if of_tables else f'SELECT "{name}"(1)'
        if name.lower() in (ALLOWED_TABLES if of_tables else ALLOWED):
            continue
        with pytest.raises(guard.ForbiddenError):
            guard.check(called, "db", ["people"])


def test_every_allowed_function_is_there() -> None:
    there = {name for name, _ in _every_function()} | {name.partition("(")[0] for name in MACROS}
    syntax = {"->", "<>", "and", "or", "not", "coalesce", "grouping"}
    assert not (ALLOWED | ALLOWED_TABLES) - there - syntax


SECRET = "what nobody may read"
TEXT = """
SELECT FROM WHERE ( ) , ; * 1 'x' "x" people 'FILE' "FILE" read_text('FILE') UNION WITH AS t x COPY TO UNNEST
LATERAL VALUES JOIN ON true -- /* */ $ ? :: . -> [ ] { } TABLE content
"""
WORDS = [*TEXT.split(), "(FROM 'FILE')", "query('FROM ''FILE''')"]


@pytest.fixture(scope="module")
def secret_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("secret") / "file.csv"
    file.write_text(f"content\n{SECRET}\n")
    return file


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=14))
def test_what_gets_through_reads_no_file_even_where_nothing_else_would_hold_it(
    secret_file: Path, words: list[str]
) -> None:
    try:
        planned = plan(" ".join(["SELECT", *words]).replace("FILE", str(secret_file)), CONTEXT)
    except (RefusedError, FailedError):
        return
    with duckdb.connect() as connection:  # as it is by default: it may read and write files
        connection.execute("CREATE SCHEMA db; CREATE VIEW db.people AS SELECT 1 AS x, 'a' AS content")
        try:
            found = connection.execute(planned.query).fetchall()
        except duckdb.Error:
            return
    assert SECRET not in repr(found)
    assert list(secret_file.parent.iterdir()) == [secret_file]


def test_words_that_are_quoted_stay_names_and_texts() -> None:
    assert ask("SELECT 'FROM ''/etc/passwd'', read_text(1)' AS \"a\"\".read_text('x')\"") == [
        ("FROM '/etc/passwd', read_text(1)",)
    ]


def test_no_text_of_the_caller_breaks_the_reader() -> None:
    for text in (
        "(" * 5000,
        "SELECT " + "(" * 400 + "1" + ")" * 400,
        "SELECT '",
        'SELECT "',
        "\0",
        "SELECT \0 1",
        "é",
    ):
        with pytest.raises((RefusedError, FailedError)):
            plan(text, CONTEXT)
