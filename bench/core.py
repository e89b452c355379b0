"""Part A: the pure core beside a bare loop, plain Decimal Python, zen-engine and OpenFisca."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench import product
from bench.bills import SIZES, Request, bench_bills
from bench.peers import decimals, fisca, floor, integers, zen_rules
from bench.policy import read_numbers
from bench.report import Goal, Table
from bench.timing import Contender, Race, race

CORE = "onestop core, full result"
BARE = "bare integer loop"
BARER = "bare loop without the amount check"
DECIMAL = "plain Decimal Python"
ZEN = "zen-engine, as its manual shows, full result"
ZEN_STATIC = "zen-engine, static loader, full result"
ZEN_LEAN = "zen-engine, static loader, JSON in, payers alone"
FISCA = "OpenFisca, as its manual shows"
FISCA_ARRAYS = "OpenFisca, declared with arrays"
FISCA_BATCH = "OpenFisca, 200 bills in one simulation"
BATCH = 200


@dataclass(frozen=True)
class Peer:
    """One way to settle bills: how it wants them, how it settles, and how its payers are read, in fen."""

    name: str
    prepare: Callable[[list[Request]], Sequence[Any]]
    settle: Callable[[Any], Any]
    payers: Callable[[Any], list[tuple[int, ...]]]
    off_by: int = 0
    bills_a_call: int = 1


def one(read: Callable[[Any], Any]) -> Callable[[Any], list[tuple[int, ...]]]:
    """The payers of an answer to one bill."""
    return lambda answer: [tuple(read(answer))]


def each(prepare: Callable[[Any], Any]) -> Callable[[list[Request]], list[Any]]:
    """Prepare requests one by one."""
    return lambda requests: [prepare(request) for request in requests]


def after(first: Callable[[Any], Any], second: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """One preparation on top of another."""
    return lambda request: second(first(request))


def fisca_payers(answer: list[Any]) -> list[tuple[int, ...]]:
    """The payers of all stays of a simulation."""
    return [tuple(int(payer) for payer in payers) for payers in zip(*answer, strict=True)]


def peers() -> list[Peer]:
    """Everybody, the product first."""
    numbers = read_numbers()
    pack = integers.pack_ints(numbers)
    system = fisca.fisca_system(pack)
    ints = integers.bill_ints
    return [
        Peer(CORE, product.prepare, product.settle_one, one(lambda answer: answer.payers)),
        Peer(BARE, each(ints), lambda bill: floor.settle_bare(bill, pack), one(tuple)),
        Peer(BARER, each(ints), lambda bill: floor.settle_barer(bill, pack), one(tuple)),
        Peer(
            DECIMAL,
            each(decimals.bill_decimals),
            lambda bill: decimals.settle_decimal(bill, numbers),
            one(lambda answer: (int(payer * 100) for payer in answer)),
        ),
        *(
            Peer(name, each(after(ints, context)), settle, one(zen_rules.payers_of))
            for name, context, settle in (
                (ZEN, zen_rules.full_context, zen_rules.full_decision(pack)),
                (ZEN_STATIC, zen_rules.full_context, zen_rules.full_by_loader(pack)),
                (ZEN_LEAN, zen_rules.lean_context, zen_rules.lean_by_loader(pack)),
            )
        ),
        Peer(FISCA, each(fisca.bill_situation), fisca.settle_situation(system), fisca_payers, off_by=1),
        Peer(
            FISCA_ARRAYS,
            each(lambda request: fisca.bill_columns([request])),
            fisca.settle_columns(system),
            fisca_payers,
            off_by=1,
        ),
        Peer(
            FISCA_BATCH,
            lambda requests: [fisca.bill_columns(requests)],
            fisca.settle_columns(system),
            fisca_payers,
            off_by=1,
            bills_a_call=BATCH,
        ),
    ]


class Disagreement(AssertionError):
    """A peer settles a bill otherwise than the product: its time would mean nothing."""


def contender(peer: Peer, size: int) -> Contender:
    """A peer with its bills prepared, after its payers were found to be the product's."""
    requests = bench_bills(size) if peer.bills_a_call == 1 else bench_bills(size, peer.bills_a_call)
    expected = [tuple(product.settle_one(ready).payers) for ready in product.prepare(requests)]
    prepared, settle = peer.prepare(requests), peer.settle
    answers = [payers for bill in prepared for payers in peer.payers(settle(bill))]
    for wanted, given in zip(expected, answers, strict=True):
        if max(abs(a - b) for a, b in zip(wanted, given, strict=True)) > peer.off_by:
            raise Disagreement(f"{peer.name}: {given}, not {wanted}")

    def work() -> None:
        for bill in prepared:
            settle(bill)

    return Contender(peer.name, work, len(requests))


def measure(rounds: int, say: Callable[[str], None]) -> tuple[list[Table], list[Goal]]:
    """Race everybody at every size."""
    everybody = peers()
    races: dict[int, Race] = {}
    for size in SIZES:
        say(f"core: {size} lines, checking that all peers give the same payers")
        contenders = [contender(peer, size) for peer in everybody]
        say(f"core: {size} lines, {rounds} rounds")
        races[size] = race(contenders, rounds)
    return [table_of(everybody, races)], goals_of(races[100])


def table_of(everybody: list[Peer], races: dict[int, Race]) -> Table:
    """µs a bill, and how each stands to the bare loop and to the product."""
    table = Table(
        "The core: µs a bill",
        ("", *(f"{size} lines" for size in races), "× bare loop (100)", "× onestop (100)"),
        note="A full result has every line's scope, and onestop's also every stage's inputs, reason and rate, the "
        "year to date after and all refusals of §3 looked for; all others give the eight payers alone, and refuse "
        "nothing but a line's wrong amount. All payers are equal to the fen, OpenFisca's within one (its scales are "
        "binary floating point). As its manual shows: a zen-engine decision object hands every call to another thread, "
        "which the static loader does not; OpenFisca builds each simulation from a dictionary of situations.",
    )
    hundred = races[100]
    calm, loud = (f"{extreme(hundred.rounds[BARE]) * 1e6:.1f}" for extreme in (min, max))
    table.note += f" How calm the machine was: the bare loop's rounds at 100 lines took {calm} to {loud} µs."
    for peer in everybody:
        times = (f"{race_.seconds(peer.name) * 1e6:,.1f}" for race_ in races.values())
        table.row(peer.name, *times, f"{hundred.times(peer.name, BARE):,.2f}", f"{hundred.times(peer.name, CORE):,.2f}")
    return table


def goals_of(hundred: Race) -> list[Goal]:
    """What issue 2 promises of the core at 100 lines."""
    return [
        Goal("core, as a multiple of the bare loop", hundred.times(CORE, BARE), 2.0, at_least=False),
        Goal("zen-engine (its manual's use), as a multiple of the core", hundred.times(ZEN, CORE), 12),
        Goal("OpenFisca (its manual's use), as a multiple of the core", hundred.times(FISCA, CORE), 300),
    ]
