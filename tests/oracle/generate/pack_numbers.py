"""The numbers of a pack by chance, and how YAML may write them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import yaml

from .names import TIERS, Chance


def rate(chance: Chance, highest: int = 10_000) -> str:
    scaled = chance.choice(
        (
            0,
            highest,
            chance.randrange(0, 21) * 500,
            chance.randrange(0, 101) * 100,
            chance.choice((3333, 6667, 1, 9999, 2857)),
            chance.randint(0, 10_000),
            chance.randint(0, 10_000),
        )
    )
    return written(chance, min(scaled, highest), 4)


def likely_rate(chance: Chance, lowest: int, highest: int) -> str:
    if chance.random() < 0.2:
        return rate(chance)
    step = chance.choice((1, 100, 500))
    return written(chance, chance.randint(lowest, highest) // step * step, 4)


def yuan(chance: Chance, lowest: int, highest: int) -> str:
    fen = chance.randint(lowest * 100, highest * 100)
    return written(chance, fen if chance.random() < 0.4 else fen // 100 * 100, 2)


def cap(chance: Chance) -> dict[str, Any]:
    return chance.choice(
        (
            {},
            {},
            {"annual_cap": None},
            {"annual_cap": written(chance, 0, 2)},
            {"annual_cap": yuan(chance, 1, 900)},
            {"annual_cap": yuan(chance, 1_000, 30_000)},
            {"annual_cap": yuan(chance, 50_000, 300_000)},
        )
    )


def tiers(make: Callable[[], Any]) -> dict[str, Any]:
    return {tier: make() for tier in TIERS}


def source(chance: Chance) -> dict[str, str]:
    return chance.choice(
        (
            {"document": "桂人社发〔2017〕74号", "clause": "二(二)3"},
            {"assumed": "set by the pooling area"},
        )
    )


def own_source(chance: Chance) -> dict[str, Any]:
    """Some inner blocks cite their own law."""
    return {"source": source(chance)} if chance.random() < 0.15 else {}


def written(chance: Chance, scaled: int, places: int) -> str:
    text = f"{Decimal(scaled).scaleb(-places):f}"
    if "." in text and chance.random() < 0.6:
        text = text.rstrip("0").rstrip(".")
    return text if chance.random() < 0.5 else Bare(text)


class Bare(str):
    """A number that stands in the YAML without quotes."""

    __slots__ = ()


class PackDumper(yaml.SafeDumper):
    """Writes our two ways of a number."""


def represent_bare(dumper: PackDumper, value: Bare) -> yaml.ScalarNode:
    return dumper.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in value else 'int'}", str(value))


PackDumper.add_representer(Bare, represent_bare)


def yaml_text(file: dict[str, Any]) -> str:
    return yaml.dump(file, Dumper=PackDumper, allow_unicode=True, sort_keys=False, width=1000)
