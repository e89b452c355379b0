"""Pseudonyms: HMAC-SHA-256, recalculated here from the standard; a later key works on what the earlier one made."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from app.access.pseudonyms import Pseudonyms


def digest(key: str, purpose: str, message: str) -> str:
    return hmac.new(key.encode(), f"{purpose}\0{message}".encode(), hashlib.sha256).hexdigest()


def test_one_key() -> None:
    pseudonyms = Pseudonyms("k1")
    assert pseudonyms.person("450321198001011234") == digest("k1", "person", "450321198001011234")
    assert pseudonyms.persons("张") == (digest("k1", "person", "张"),)
    assert pseudonyms.fingerprints(b"said") == (digest("k1", "request", "said"),)
    assert pseudonyms.key_ids == (digest("k1", "key", "")[:8],)
    assert pseudonyms.bearer("https://id", "S") == "oidc-" + digest("k1", "bearer", "https://id\nS")[:16]


def test_keys_on_top_of_each_other() -> None:
    pseudonyms = Pseudonyms("k1", "k2", "k3")
    first = digest("k1", "person", "P")
    second = digest("k2", "person", first)
    assert pseudonyms.persons("P") == (first, second, digest("k3", "person", second))
    assert pseudonyms.person("P") == pseudonyms.persons("P")[2]
    assert pseudonyms.fingerprints(b"F")[1] == digest("k2", "request", digest("k1", "request", "F"))
    assert pseudonyms.bearer("i", "s") == Pseudonyms("k3").bearer("i", "s")


def test_a_person_is_moved_to_any_later_key() -> None:
    pseudonyms = Pseudonyms("k1", None, "k3")
    one, two, three = pseudonyms.key_ids
    first, second, third = pseudonyms.persons("P")
    assert pseudonyms.person_moved(first, one, two) == second
    assert pseudonyms.person_moved(first, one, three) == third
    assert pseudonyms.person_moved(second, two, three) == third
    assert (
        pseudonyms.fingerprint_moved(pseudonyms.fingerprints(b"F")[0], one, three) == pseudonyms.fingerprints(b"F")[2]
    )
    for wrong in ((two, one), (one, one), (one, "00000000")):
        with pytest.raises(ValueError, match=r"later key|not in tuple"):
            pseudonyms.person_moved(first, *wrong)


def test_an_id_of_a_key_names_those_before_it() -> None:
    assert Pseudonyms("k1", "k2").key_ids[0] == Pseudonyms("k1").key_ids[0]
    ids = {
        Pseudonyms(*keys).key_ids[-1] for keys in (("k1", "k2"), ("k2",), (None, "k2"), ("k2", "k1"), ("k1",), (None,))
    }
    assert len(ids) == 6


def test_no_key_is_one_that_everybody_knows() -> None:
    known = digest("onestop: a development key, known to everybody", "person", "P")
    assert Pseudonyms().person("P") == Pseudonyms(None).person("P") == Pseudonyms("").person("P") == known
