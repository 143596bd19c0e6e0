"""Every answer carries its worker's name where anybody knows it, and nobody unknown stops a report."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brume import storage
from brume.aws.client import client
from brume.labels.model.lake import Lake
from brume.labels.model.queries import named
from brume.labels.pipeline import worker_directory, worker_tables
from brume.lake.lake import ConflictError
from tests.components.labels.lakes import answer, frame, put

METRICS = worker_tables.METRICS


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def pool(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a user pool in Ireland, of a server whose lists end at 60 as Cognito's do."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    made = client("cognito-idp", "eu-west-1").create_user_pool(PoolName="workforce")
    return str(made["UserPool"]["Id"])


def user(pool: str, username: str, **attributes: str) -> str:
    """Create a user and return the sub that Cognito gives it."""
    made = client("cognito-idp", "eu-west-1").admin_create_user(
        UserPoolId=pool,
        Username=username,
        UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
    )
    return str(next(item["Value"] for item in made["User"]["Attributes"] if item["Name"] == "sub"))


def rows(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    with lake.connect() as connection:
        return list(connection.execute(sql).fetchall())


def names(lake: Lake) -> list[tuple[Any, ...]]:
    return rows(lake, f"SELECT user_name, email FROM {METRICS} ORDER BY ALL")


def metrics_files(lake: Lake) -> set[str]:
    return {part.path for part in lake.snapshot().parts(METRICS)}


def csv(tmp_path: Path, text: str | bytes) -> str:
    file = tmp_path / "workers.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(file)


def test_all_130_users_and_the_members_of_a_large_team_are_known(lake: Lake, pool: str) -> None:
    cognito = client("cognito-idp", "eu-west-1")
    subs = [user(pool, f"worker{n}", name=f"Worker {n}", email=f"w{n}@example.com") for n in range(130)]
    for team in ("night", "day"):
        cognito.create_group(UserPoolId=pool, GroupName=team)
    for number in range(70):
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=f"worker{number}", GroupName="day")
    cognito.admin_add_user_to_group(UserPoolId=pool, Username="worker69", GroupName="night")
    put(lake, answers=[answer(sub, item=place) for place, sub in enumerate(subs)])
    summary = worker_tables.join(lake, pool)
    assert (summary.workers, summary.unknown, summary.without_email, summary.answers) == (130, 0, 0, 130)
    assert names(lake) == sorted((f"Worker {n}", f"w{n}@example.com") for n in range(130))
    teams = dict(rows(lake, "SELECT name, team FROM workers"))
    assert teams["Worker 68"] == "day" and teams["Worker 69"] == "day, night" and teams["Worker 129"] == ""
    assert list(teams.values()).count("day") == 69


def test_an_unknown_sub_and_users_without_email_are_shown_by_what_there_is(lake: Lake, pool: str) -> None:
    full = user(pool, "ann", name="Ann Lee", email="ann@example.com")
    parts = user(pool, "bo", given_name="Bo", family_name="Ek")
    nick = user(pool, "cy", preferred_username="cyclone")
    bare = user(pool, "dee")
    idle = user(pool, "eve", name="Eve", email="eve@example.com")
    subs = [full, parts, nick, bare, "somebody-else"]
    put(lake, answers=[answer(sub, item=place) for place, sub in enumerate(subs)])
    summary = worker_tables.join(lake, pool)
    assert names(lake) == sorted(
        [("Ann Lee", "ann@example.com"), ("Bo Ek", ""), ("cyclone", ""), ("dee", ""), ("somebody-else", "")]
    )
    assert (summary.workers, summary.unknown, summary.without_email) == (6, 1, 4)
    assert set(rows(lake, "SELECT worker, name, source FROM workers")) >= {
        ("somebody-else", "somebody-else", "none"),
        (idle, "Eve", "cognito"),
    }


def test_a_pool_that_is_not_there_is_named(lake: Lake, pool: str) -> None:
    with pytest.raises(
        worker_directory.DirectoryError,
        match=r"workers=eu-west-1_Nobody.*ResourceNotFound.*REGION_NAME",
    ):
        worker_tables.join(lake, "eu-west-1_Nobody")


@pytest.mark.parametrize(
    "text",
    [
        "sub,name,email,team\nu1,Zoë Ω,zoe@example.com,day\n",
        "\ufeffTeam;Email;Name;Sub\r\nday;zoe@example.com;Zoë Ω;u1\r\n",
        "floor,email,sub,team,name\n3,zoe@example.com, u1 ,day,Zoë Ω\n\n",
    ],
)
def test_a_csv_in_any_order_and_as_a_spreadsheet_writes_it(lake: Lake, tmp_path: Path, text: str) -> None:
    put(lake, answers=[answer("u1"), answer("u2", item=1)])
    worker_tables.join(lake, csv(tmp_path, text))
    assert rows(lake, "FROM workers ORDER BY worker") == [
        ("u1", "Zoë Ω", "zoe@example.com", "day", "csv"),
        ("u2", "u2", "", "", "none"),
    ]


def test_lines_of_the_csv_that_say_nothing_are_set_aside_and_the_rest_counts(
    lake: Lake, tmp_path: Path
) -> None:
    text = 'sub,name\nu1,"Ann\nLee"\n,Nobody\nu1,Other\nu2\nu3,Lee,Ann\n'
    summary = worker_tables.join(lake, csv(tmp_path, text))
    assert [(item.line, item.field) for item in summary.rejects] == [(4, "sub"), (5, "sub"), (7, "")]
    assert "line 2" in summary.rejects[1].reason
    assert rows(lake, "SELECT worker, name FROM workers ORDER BY ALL") == [("u1", "Ann\nLee"), ("u2", "u2")]
    assert json.loads(json.dumps(asdict(summary)))["rejects"][0]["item"].endswith("workers.csv")
    assert rows(lake, "SELECT line, field FROM rejects ORDER BY line") == [(4, "sub"), (5, "sub"), (7, "")]
    state = lake.snapshot().number
    worker_tables.join(lake, csv(tmp_path, text))
    assert lake.snapshot().number == state
    worker_tables.join(lake, csv(tmp_path, "sub,name\nu1,Ann\n"))
    assert rows(lake, "SELECT * FROM rejects") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is empty: its first line must be sub,name,email,team"),
        (b"u1,Ann,ann@example.com,day\n", "line 1: the header .* must name the column sub"),
        (b"sub,name\nu1,Ann\nu2,Zo\xeb\n", "line 3: it is not UTF-8; save the file as CSV UTF-8"),
        (b'sub,name\nu1,Ann\nu2,"' + b"x" * 200_000, "line 3: .*does a quote stay open"),
    ],
)
def test_a_csv_that_is_none_says_where_and_what_to_do(tmp_path: Path, text: bytes, message: str) -> None:
    with pytest.raises(worker_directory.DirectoryError, match=rf"workers\.csv,? {message}"):
        worker_directory.read(csv(tmp_path, text))


def test_without_a_place_to_look_everybody_is_shown_by_their_sub(lake: Lake) -> None:
    put(lake, answers=[answer("u1"), answer("unknown", item=1)])
    worker_tables.join(lake, "")
    assert names(lake) == [("u1", ""), ("unknown", "")]


def test_masked_people_are_in_no_table_and_their_teams_are(lake: Lake, tmp_path: Path) -> None:
    put(lake, answers=[answer("s1"), answer("s2", item=1)])
    worker_tables.join(lake, csv(tmp_path, "sub,name,email,team\ns1,Ada,ada@example.com,day\n"), mask=True)
    assert names(lake) == [("s1", ""), ("s2", "")]
    assert rows(lake, "SELECT worker, name, email, team FROM workers ORDER BY worker") == [
        ("s1", "s1", "", "day"),
        ("s2", "s2", "", ""),
    ]


def test_metrics_lie_by_the_hour_of_submission_and_answer_the_originals_query(lake: Lake) -> None:
    long = [frame(0, {"vehicle_type": "car"}), frame(1, {"vehicle_type": "van", "moving": "yes"}, fog="no")]
    other = {"job": "kinds", "entries": None, "content": '{"label":"Car"}'}
    put(
        lake,
        answers=[
            answer("u1", "2024-03-01T23:59:59"),
            answer("u2", "2024-03-02T00:00:00", item=1, entries=long),
            answer("u3", None, item=2, entries=[]),
            answer("u4", "2024-03-02T00:10:00", **other),
        ],
    )
    summary = worker_tables.join(lake, "")
    assert (summary.answers, summary.hours, summary.written) == (4, 3, 3)
    assert {part.partition for part in lake.snapshot().parts(METRICS)} == {
        ("2024", "03", "01", "23"),
        ("2024", "03", "02", "00"),
        ("unknown",) * 4,
    }
    with lake.connect() as connection:
        # As it stands, but for the name of the function, which the engine translates.
        sql = named()["original_worker_tasks"].sql.replace("cardinality", "len").rstrip("; \n")
        found = connection.execute(f"SELECT user_name, tasks, content FROM ({sql}) ORDER BY 1").fetchall()
    assert found == [("u1", 1, None), ("u2", 2, None), ("u3", 0, None), ("u4", None, '{"label":"Car"}')]
    attributes = f"""
        SELECT DISTINCT e."frame-attributes".fog, a."label-category-attributes".moving
        FROM (SELECT unnest(answercontent[1].trackingannotations.framedata.entries) AS e FROM {METRICS}),
             unnest(e.annotations) AS t(a) ORDER BY ALL
    """
    assert rows(lake, attributes) == [("no", "yes"), (None, None)]


def test_only_the_hours_that_changed_are_written_again(lake: Lake, tmp_path: Path) -> None:
    nine, ten = answer("u1", "2024-03-01T09:30:00"), answer("u2", "2024-03-01T10:30:00", item=1)
    known = csv(tmp_path, "sub,name\nu1,Ann\nu2,Bo\n")
    files = [{"file": row["file"], "digest": f"digest of {row['file']}"} for row in (nine, ten)]
    put(lake, answers=[nine, ten], files=files)
    worker_tables.join(lake, known)
    first = metrics_files(lake)
    before = lake.snapshot().number
    again = worker_tables.join(lake, known)
    assert (again.written, again.removed, lake.snapshot().number) == (0, 0, before)

    worker_tables.join(lake, csv(tmp_path, "sub,name\nu1,Ann\nu2,Bob\n"))  # a corrected name
    assert names(lake) == [("Ann", ""), ("Bob", "")]
    assert len(first & metrics_files(lake)) == 1

    # A file with other content of the same length, read again.
    second = metrics_files(lake)
    redone = nine | {"entries": [frame(0, {"vehicle_type": "van"}, quality="good")]}
    put(lake, answers=[redone, ten], files=[{"file": nine["file"], "digest": "another"}, files[1]])
    assert worker_tables.join(lake, known).written == 1
    kind = "answercontent[1].trackingannotations.framedata.entries[1].annotations[1]"
    assert set(rows(lake, f'SELECT {kind}."label-category-attributes".vehicle_type FROM {METRICS}')) == {
        ("van",),
        ("car",),
    }
    assert len(second & metrics_files(lake)) == 1

    put(lake, answers=[redone])  # the other answer is taken back
    last = worker_tables.join(lake, known)
    assert (last.written, last.removed) == (0, 1)
    assert names(lake) == [("Ann", "")]

    put(lake, answers=[])
    worker_tables.join(lake, "")
    assert names(lake) == [] and rows(lake, "FROM workers") == []


@settings(max_examples=6, deadline=None)
@given(
    states=st.lists(
        st.tuples(
            st.dictionaries(st.integers(0, 3), st.tuples(st.sampled_from("abc"), st.integers(0, 2))),
            st.dictionaries(st.sampled_from("abc"), st.sampled_from(("Ann", "Bo"))),
        ),
        min_size=2,
        max_size=3,
    )
)
def test_after_any_history_the_metrics_are_those_of_the_last_state(
    states: list[tuple[dict[int, tuple[str, int]], dict[str, str]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(f"{folder}/lake")
        for answers, known in states:
            given = [answer(sub, f"2024-03-01T0{hour}:00:00", item=n) for n, (sub, hour) in answers.items()]
            put(lake, answers=given)
            people_file = csv(
                Path(folder), "sub,name\n" + "".join(f"{sub},{name}\n" for sub, name in known.items())
            )
            worker_tables.join(lake, people_file)
            expected = [
                (f"cars/{n}.json", known.get(sub, sub), f"0{hour}") for n, (sub, hour) in answers.items()
            ]
            assert rows(lake, f"SELECT file, user_name, hour FROM {METRICS} ORDER BY 1") == sorted(expected)


def test_answers_beyond_what_memory_holds_at_once_are_all_written(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_tables, "_WEIGHT", 5)
    given = [answer(f"u{n}", f"2024-03-0{1 + n % 9}T{n % 24:02}:00:00", item=n) for n in range(60)]
    put(lake, answers=given)
    assert worker_tables.join(lake, "").answers == 60
    assert rows(lake, f"SELECT user_name, submissiontime FROM {METRICS} ORDER BY 1") == sorted(
        (row["worker"], row["submitted"]) for row in given
    )
    folder = (
        f"SELECT count(*) FROM {METRICS} WHERE strftime(submissiontime, '%Y%m%d%H') = year||month||date||hour"
    )
    assert rows(lake, folder) == [(60,)]


def test_a_run_that_commits_meanwhile_is_taken_into_account(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, answers=[answer("u1")])
    commit: Callable[..., Any] = Lake.commit
    rivals = [lambda: put(lake, answers=[answer("u1"), answer("u2", item=1)])]

    def late(self: Lake, *arguments: Any, **options: Any) -> Any:
        if rivals and any(part.table == METRICS for part in options["add"]):
            rivals.pop()()
        return commit(self, *arguments, **options)

    monkeypatch.setattr(Lake, "commit", late)
    worker_tables.join(lake, "")
    assert names(lake) == [("u1", ""), ("u2", "")]
    on_disk = {entry.uri for entry in storage.list_files(storage.join(lake.uri, METRICS))}
    assert on_disk == {storage.join(lake.uri, path) for path in metrics_files(lake)}

    def always(self: Lake, *arguments: Any, **options: Any) -> Any:
        raise ConflictError("another run")

    put(lake, answers=[answer("u3")])
    monkeypatch.setattr(Lake, "commit", always)
    with pytest.raises(ConflictError):
        worker_tables.join(lake, "")


def test_a_lake_and_a_csv_in_s3(s3_server: str) -> None:
    client("s3").create_bucket(Bucket="labels-workers")
    storage.write_bytes("s3://labels-workers/staff.csv", b"sub,name\nu1,Ann\n")
    lake = Lake("s3://labels-workers/lake")
    put(lake, answers=[answer("u1")])
    assert worker_tables.join(lake, "s3://labels-workers/staff.csv").written == 1
    assert worker_tables.join(lake, "s3://labels-workers/staff.csv").written == 0
    assert names(lake) == [("Ann", "")]
