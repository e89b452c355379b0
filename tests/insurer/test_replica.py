"""A service with a hot standby: insurers read there what the ledger itself would say, and the ledger hears of each."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest

from tests.api.asked import BACKSTOPPED, a_bill, recorded
from tests.api.service import JSON, Service, running
from tests.insurer.books import GROUPS, Clock, fill
from tests.keys import admit
from tests.postgresql import Server, running_postgresql, standby_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Of all kinds; and so many backstops that an export has more than one piece.
COUNT, BACKSTOPS = 300, 600
PATIENCE = 30.0
OUTCOMES = ("replica", "behind", "unreachable", "busy", "other")
LISTS = ("/v1/backstops", "/v1/backstops?limit=97", "/v1/backstops?include_reversed=false&min_amount=100")
SUMS = tuple(f"/v1/backstops/summary?group_by={group}" for group in GROUPS)
EXPORTS = tuple(f"/v1/backstops/export?format={to}" for to in ("csv", "ndjson", "parquet"))
RUN = "/v1/reconciliations?from=2020-01-01&to=2099-12-31"


class Pair(NamedTuple):
    """A ledger with all kinds of backstops, and its standby."""

    primary: Server
    standby: Server

    def serving(self, **environment: str) -> Any:
        """A service with both."""
        urls = {"ONESTOP_DATABASE_URL": self.primary.url(), "ONESTOP_READ_DATABASE_URL": self.standby.url()}
        return running(**(urls | environment))


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with running_postgresql() as primary:
        admit(primary.url())
        fill(primary.url(), COUNT)
        at = Clock(primary.url())
        for _ in range(BACKSTOPS):
            at.settle(a_bill(**BACKSTOPPED))
        at.ledger.close()
        with standby_of(primary) as standby:
            yield Pair(primary, standby)


@pytest.fixture(scope="module")
def served(pair: Pair) -> Iterator[Service]:
    with pair.serving() as service:
        yield service


@pytest.fixture(scope="module")
def alone(pair: Pair) -> Iterator[Service]:
    """Another service of the same ledger, without the standby."""
    with running(ONESTOP_DATABASE_URL=pair.primary.url()) as service:
        yield service


def ask(server: Server, statement: str) -> Any:
    """The first value that a server answers."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return None if row is None else row[0]


def counted(service: Service) -> dict[str, int]:
    """How often each outcome was counted."""
    samples = service.metrics()
    return {each: int(samples[f'onestop_replica_reads_total{{outcome="{each}"}}']) for each in OUTCOMES}


def outcomes_of(service: Service, question: Callable[..., Any], *arguments: Any) -> dict[str, int]:
    """What came of the reads of a question."""
    before = counted(service)
    question(*arguments)
    return {each: times - before[each] for each, times in counted(service).items() if times != before[each]}


def told(service: Service) -> list[str]:
    """What the log says of the replica, oldest first."""
    events = [json.loads(line) for line in service.logged().splitlines()]
    return [each.get("code", "again") for each in events if "replica" in each["event"]]


def read(service: Service, path: str) -> httpx.Response:
    answer = service.get(path)
    assert answer.status_code == 200, answer.text
    return answer


def is_used_again(service: Service) -> None:
    end = time.monotonic() + PATIENCE
    while outcomes_of(service, read, service, LISTS[0]) != {"replica": 1}:
        assert time.monotonic() < end, counted(service)
        time.sleep(0.2)


def one_of(service: Service) -> str:
    return f"/v1/backstops/{read(service, LISTS[0]).json()['items'][3]['settlement_id']}"


def test_answers_are_the_same_byte_for_byte(served: Service, alone: Service) -> None:
    paths = [*LISTS, *SUMS, *EXPORTS, one_of(alone)]
    cursor = read(alone, LISTS[1]).json()["next_cursor"]
    for path in [*paths, f"{LISTS[1]}&cursor={cursor}"]:
        assert set(outcomes_of(served, read, served, path)) == {"replica"}, path
        with_it, without = read(served, path), read(alone, path)
        assert with_it.content == without.content, path
        assert with_it.headers["content-type"] == without.headers["content-type"]
    assert len(read(alone, "/v1/backstops/export?format=ndjson").content.splitlines()) > BACKSTOPS
    for service in (served, alone):
        assert service.get("/v1/backstops/00000000-0000-7000-8000-000000000000").status_code == 404


def test_comparing_books_reads_there_and_says_the_same(served: Service, alone: Service) -> None:
    rows = [
        {"facility": item["facility_code"], "bill_id": item["bill_id"], "amount": item["backstop"], "date": item["day"]}
        for item in (
            {**each, **read(alone, f"/v1/backstops/{each['settlement_id']}").json()}
            for each in read(alone, "/v1/backstops?limit=40").json()["items"]
            if each["kind"] == "settlement"
        )
    ]
    made: list[dict[str, Any]] = []

    def compare(service: Service) -> None:
        answer = service.client.post(RUN, content=json.dumps({"rows": rows}), headers=JSON)
        assert answer.status_code == 201, answer.text
        made.append(answer.json())

    assert outcomes_of(served, compare, served) == {"replica": 1}
    compare(alone)
    own = {"reconciliation_id", "made_at", "hash", "report"}
    first, second = ({name: run[name] for name in run if name not in own} for run in made)
    assert first == second
    assert len(made[0]["differences"]) == 100


def scans(server: Server) -> int:
    """How often anybody has looked into the settlements of a server: a session that ends says what it has not said."""
    ask(
        server, "SELECT count(pg_terminate_backend(pid, 9000)) FROM pg_stat_activity WHERE application_name = 'onestop'"
    )
    return int(
        ask(server, "SELECT sum(seq_scan + idx_scan) FROM pg_stat_user_tables WHERE relname LIKE 'settlements%'")
    )


def lines(server: Server, action: str) -> int:
    return int(ask(server, f"SELECT count(*) FROM audit WHERE action = '{action}'"))


@pytest.mark.parametrize(
    ("path", "action", "looks"),
    [
        (LISTS[0], "backstops.listed", False),
        (SUMS[0], "backstops.summed", False),
        (EXPORTS[0], "backstops.exported", False),
        # The ledger sees whether the key may read it, before it notes that it does.
        ("one", "backstop.read", True),
    ],
)
def test_the_standby_is_read_and_the_ledger_notes_it(
    pair: Pair, served: Service, alone: Service, path: str, action: str, *, looks: bool
) -> None:
    path = one_of(alone) if path == "one" else path
    before = scans(pair.primary), scans(pair.standby), lines(pair.primary, action)
    read(served, path)
    assert lines(pair.primary, action) == before[2] + 1
    assert (scans(pair.primary) > before[0]) is looks
    assert scans(pair.standby) > before[1]


def test_nobody_reads_what_the_ledger_cannot_note(pair: Pair, served: Service) -> None:
    with psycopg.connect(pair.primary.url()) as connection:
        connection.execute("LOCK TABLE audit IN SHARE MODE")
        for path in (LISTS[0], SUMS[0], EXPORTS[0]):
            before = counted(served)
            assert served.get(path).status_code == 503
            assert counted(served) == before


def test_a_bill_is_in_the_answer_though_the_standby_has_not_got_it(pair: Pair, served: Service, alone: Service) -> None:
    ask(pair.standby, "SELECT pg_wal_replay_pause()")
    try:
        settlement_id = recorded(served, a_bill(**(BACKSTOPPED | {"/bill_id": "just-now"})))
        began = time.monotonic()
        export = "/v1/backstops/export?format=ndjson"
        assert outcomes_of(served, read, served, export).keys() == {"behind"}
        # It is waited for once, for two seconds; then it rests.
        assert 2 < time.monotonic() - began < 4
        began = time.monotonic()
        for path in (export, *SUMS, *LISTS, f"/v1/backstops/{settlement_id}"):
            assert read(served, path).content == read(alone, path).content
        assert time.monotonic() - began < 2
        assert settlement_id in read(served, export).text
        assert told(served)[-1] == "behind"
    finally:
        ask(pair.standby, "SELECT pg_wal_replay_resume()")
    is_used_again(served)
    assert told(served)[-1] == "again"
    assert settlement_id in read(served, export).text


def test_a_bill_of_a_moment_ago_is_in_the_standbys_answer(served: Service) -> None:
    for number in range(30):
        settlement_id = recorded(served, a_bill(**(BACKSTOPPED | {"/bill_id": f"quick-{number}"})))
        path = f"/v1/backstops?facility=H1&limit=1000&from={time.strftime('%Y-%m-%d', time.gmtime())}"
        before = counted(served)
        assert settlement_id in read(served, path).text
        assert counted(served) == before | {"replica": before["replica"] + 1}


def test_without_the_standby_answers_are_as_before(pair: Pair, served: Service, alone: Service) -> None:
    pair.standby.kill()
    try:
        assert read(served, "/readyz").json() == read(alone, "/readyz").json()
        for path in (*LISTS, *SUMS, *EXPORTS):
            assert outcomes_of(served, read, served, path).keys() == {"unreachable"}, path
            assert read(served, path).content == read(alone, path).content
        assert told(served)[-1] == "unreachable"
        assert len([each for each in told(served) if each == "unreachable"]) == 1
        assert served.get("/readyz").status_code == 200
        recorded(served, a_bill(**(BACKSTOPPED | {"/bill_id": "without"})))
    finally:
        pair.standby.start()
    is_used_again(served)


def test_what_is_no_standby_of_the_ledger_is_not_read(pair: Pair) -> None:
    with pair.serving(ONESTOP_READ_DATABASE_URL=pair.primary.url()) as service:
        assert outcomes_of(service, read, service, LISTS[0]) == {"other": 1}
        assert told(service) == ["other"]
        assert not re.search(r"password|host=", service.logged())
