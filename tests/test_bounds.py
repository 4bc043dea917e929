"""The page of bounds says what the code does, and each bound has a test that goes beyond it."""

import re

from tests.bounds import PACKAGE, PAGE, TESTS, bounds, page, proofs, stands_for

BOUNDS = list(bounds())


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.bounds"


def test_every_bound_is_found() -> None:
    assert len(BOUNDS) > 150
    values = {bound.full_name: bound.how_much for bound in BOUNDS}
    assert values["jobs.rules.MAX_AGE"] == "30 d"
    assert values["webhook.MAX_BODY"] == "64 kB"


def test_every_bound_has_words_and_a_test() -> None:
    proved = [name for names in proofs().values() for name in names]
    assert not [bound for bound in BOUNDS if not any(stands_for(name, bound) for name in proved)]
    assert not [bound for bound in BOUNDS if not bound.words]


def test_the_reasons_are_real() -> None:
    """A reason for which something is refused has a text in the translations."""
    texts = (PACKAGE / "translations" / "en.json").read_text("utf-8")
    reasons = [
        reason for bound in BOUNDS for reason in re.findall(r"refused with `(\w+)`", bound.words)
    ]
    assert reasons
    assert not [reason for reason in reasons if f'"{reason}"' not in texts]


def test_the_tests_and_bounds_that_are_listed_are_there() -> None:
    for test, names in proofs().items():
        path, _, function = test.partition("::")
        source = (TESTS / path).read_text("utf-8")
        assert re.search(rf"^(async )?def {function}\(", source, re.MULTILINE), test
        for name in names:
            assert sum(stands_for(name, bound) for bound in BOUNDS) == 1, (test, name)
