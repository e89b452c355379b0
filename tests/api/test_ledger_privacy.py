"""The ledger keeps no name and no person id, and repeats none: not in its files, its answers, the log or the metrics."""

from __future__ import annotations

import json
from pathlib import Path

from tests.api.service import ABSENT, JSON, changed, running

NAMES = {
    "/facility/name": "zqxfacilityxqz", "/patient/name": "zqx王小明xqz", "/patient/person_id": "zqxpersonxqz",
    "/lines/0/name": "zqxlineonexqz", "/lines/1/name": "zqxlinetwoxqz",
}  # fmt: skip
PATH = "/v1/settlements"


def test_no_name_and_no_person_id_is_kept_or_repeated(tmp_path: Path) -> None:
    said: list[str] = []
    with running(ONESTOP_DATABASE_URL=f"sqlite:///{tmp_path}/onestop.db") as service:

        def post(path: str, body: object) -> dict[str, object]:
            answer = service.client.post(path, content=json.dumps(body), headers=JSON)
            said.extend((answer.text, str(answer.headers)))
            members: dict[str, object] = answer.json()
            return members

        first, second = (changed(NAMES | {"/bill_id": bill_id, "/year_to_date": ABSENT}) for bill_id in ("B1", "B2"))
        settled = post(PATH, first)["settlement_id"]
        assert post(PATH, first)["settlement_id"] == settled
        assert post(PATH, changed(NAMES | {"/bill_id": "B1"}))["code"] == "bill_conflict"
        post(PATH, second)
        assert post(f"{PATH}/{settled}/reversal", {"reason": "r"})["code"] == "not_latest_settlement"
        right = first | {"emergency_aid_approved": "1.00"}
        corrected = post(f"{PATH}/{settled}/correction", {"reason": "r", "request": right})
        assert corrected["items"]
        wrong = right | {"patient": right["patient"] | {"status": NAMES["/patient/name"]}}
        assert post(f"{PATH}/{settled}/correction", {"reason": "r", "request": wrong})["code"] == "field_invalid"
        found = service.get(PATH, params={"person_id": NAMES["/patient/person_id"]})
        assert len(found.json()["items"]) == 4
        said += [found.text, service.get("/metrics").text, service.logged()]
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b'"bill_id":"B1"' in kept
    for canary in ("zqx", "王小明"):
        assert not [text for text in said if canary in text]
        assert canary.encode() not in kept


def test_records_and_replays_are_counted(tmp_path: Path) -> None:
    with running(ONESTOP_DATABASE_URL=f"sqlite:///{tmp_path}/onestop.db") as service:
        body = json.dumps(changed({"/year_to_date": ABSENT}))
        for _ in range(3):
            service.client.post(PATH, content=body, headers=JSON)
        metrics = service.metrics()
    assert metrics['onestop_ledger_settlements_total{outcome="recorded"}'] == 1
    assert metrics['onestop_ledger_settlements_total{outcome="replayed"}'] == 2
    assert metrics['onestop_calculated_fen_total{payer="pooled_fund",stage="basic_insurance"}'] == 75_000
