"""The floors of the preview: `python -m bench.http_floors KIND PORT TEMPLATE`.

Each is FastAPI on uvicorn with the settings of `onestop serve`:

- `constant`: reads the body and answers a constant one of the product's size.
- `msgspec`: decodes, loops and encodes an answer of the product's size (`bench.wire_floor`).
- `pydantic`: a plain model of Decimals that does nothing but validate, and a small answer.
"""

import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from bench.wire_floor import floor_answerer

PATH = "/v1/settlements/preview"
KINDS = ("constant", "msgspec", "pydantic")
JSON = "application/json"


class Facility(BaseModel):
    code: str
    name: str | None = None
    tier: Literal["primary", "secondary", "tertiary_municipal", "tertiary_regional"]
    pooling_area: str
    county: str | None = None
    designated: bool = True


class Patient(BaseModel):
    person_id: str
    name: str | None = None
    status: Literal[
        "registered_poor", "extremely_poor", "low_income", "severely_disabled", "low_income_family", "ordinary"
    ]
    pooling_area: str
    county: str | None = None


class Encounter(BaseModel):
    type: Literal["inpatient", "maternity_inpatient", "chronic_outpatient"] = "inpatient"
    admitted_on: date
    discharged_on: date
    admission_number: int = 1
    referral: Literal["not_required", "approved", "emergency", "none"] = "not_required"
    cause: Literal["illness", "maternity", "work_injury", "third_party"] = "illness"


class Line(BaseModel):
    line_no: int
    code: str
    name: str | None = None
    category: Literal[
        "drug",
        "herbal_drug",
        "treatment",
        "surgery",
        "examination",
        "laboratory",
        "material",
        "bed",
        "nursing",
        "other",
    ]
    catalogue_class: Literal["A", "B", "C"]
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    ceiling_price: Decimal | None = None
    self_pay_ratio: Decimal | None = None
    essential_medicine: bool = False


class Bill(BaseModel):
    bill_id: str
    facility: Facility
    patient: Patient
    encounter: Encounter
    lines: list[Line]
    year_to_date: dict[str, Decimal] = {}
    emergency_aid_approved: Decimal = Decimal(0)
    prepaid: Decimal = Decimal(0)


def create_app(kind: str, template: bytes) -> FastAPI:
    """One of the three."""
    app = FastAPI(openapi_url=None)

    if kind == "constant":

        @app.post(PATH)
        async def answer_constant(request: Request) -> Response:
            await request.body()
            return Response(template, media_type=JSON)

    elif kind == "msgspec":
        respond = floor_answerer(template)

        @app.post(PATH)
        async def answer_by_msgspec(request: Request) -> Response:
            return Response(respond(await request.body()), media_type=JSON)

    else:

        @app.post(PATH, response_model=None)
        async def validate(bill: Bill) -> Response:
            return JSONResponse({"bill_id": bill.bill_id, "valid": True})

    return app


def main(kind: str, port: str, template: str) -> None:
    """Serve as `onestop serve` does with one worker."""
    app = create_app(kind, Path(template).read_bytes())
    uvicorn.run(app, host="127.0.0.1", port=int(port), access_log=False, log_config=None, server_header=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
