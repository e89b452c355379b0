"""A request that a pack of the folder probably settles."""

from __future__ import annotations

from datetime import date, timedelta

from tests.oracle.calculation.packs import Pack, Packs
from tests.oracle.calculation.request import YEAR_TO_DATE_FIELDS

from .amounts import fen
from .lines import lines
from .names import STATUSES, TIERS, Chance, Request


def draft(chance: Chance, packs: Packs, number: int) -> Request:
    pack = chance.choice(packs.regions + packs.overlays)
    day = day_of(chance, pack)
    prefix = pack.area[:2]
    neighbours = (f"{prefix}0000", f"{prefix}0100", f"{prefix}0200", f"{prefix}1000")
    patient_area = pack.area if chance.random() < 0.85 else chance.choice(neighbours)
    facility_area = patient_area if chance.random() < 0.7 else chance.choice((*neighbours, "310100"))
    status = "registered_poor" if chance.random() < 0.6 else chance.choice(STATUSES)
    county = f"{patient_area[:4]}22"
    request: Request = {
        "bill_id": f"ZY{number:08d}",
        "facility": {
            "code": f"H{facility_area}00016",
            "tier": chance.choice(TIERS),
            "pooling_area": facility_area,
        },
        "patient": {"person_id": f"P{number:08d}", "status": status, "pooling_area": patient_area},
        "encounter": {
            "admitted_on": (day - timedelta(days=chance.choice((0, 0, 1, 7, 30)))).isoformat(),
            "discharged_on": day.isoformat(),
        },
        "lines": lines(chance),
    }
    optional_members(chance, request, county)
    return request


def day_of(chance: Chance, pack: Pack) -> date:
    final = pack.effective_to or pack.effective_from + timedelta(days=400)
    inside = pack.effective_from + timedelta(days=chance.randint(0, (final - pack.effective_from).days))
    return chance.choice((pack.effective_from, final, inside, inside, inside, inside))


def optional_members(chance: Chance, request: Request, county: str) -> None:
    for party in (request["facility"], request["patient"]):
        if chance.random() < 0.75:
            party["county"] = chance.choice((county, county, county, county, f"{county[:4]}31", None))
        if chance.random() < 0.4:
            party["name"] = chance.choice(
                (None, "", "甲", "市人民医院", "line\u2028and\u0085next", "𠮷" * 200, "a\u00a0b")
            )
    if chance.random() < 0.3:
        request["facility"]["designated"] = True
    optional_encounter_members(chance, request["encounter"])
    optional_amounts(chance, request)


def optional_encounter_members(chance: Chance, encounter: Request) -> None:
    if chance.random() < 0.7:
        encounter["type"] = chance.choice(
            ("inpatient", "inpatient", "maternity_inpatient", "chronic_outpatient", "chronic_outpatient")
        )
    if chance.random() < 0.5:
        encounter["admission_number"] = chance.choice((1, 2, 2, 3, 2_147_483_647))
    if chance.random() < 0.8:
        encounter["referral"] = chance.choice(("not_required", "approved", "approved", "emergency", "none"))
    if chance.random() < 0.4:
        encounter["cause"] = chance.choice(("illness", "maternity"))


def optional_amounts(chance: Chance, request: Request) -> None:
    if chance.random() < 0.6:
        most = chance.choice((1, 1_000, 30_000, 30_000, 400_000, 100_000_000))
        fields = [field for field in YEAR_TO_DATE_FIELDS if chance.random() < 0.5]
        request["year_to_date"] = {field: fen(chance, 0, most) for field in fields}
    if chance.random() < 0.25:
        request["emergency_aid_approved"] = fen(chance, 0, chance.choice((0, 50, 5_000, 100_000_000)))
    if chance.random() < 0.5:
        request["prepaid"] = fen(chance, 0, chance.choice((0, 500, 5_000)))
