"""The number that a spelling means, in the last or first place of a text."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.judging.checks.read_number import read_number
from tests.support.checks import judged, value

READ = {
    "1e1": 10,
    "1E+3": 1000,
    "2.5e-1": "1/4",
    "3×10^4": 30000,
    "3 x 10^{4}": 30000,
    "1 000 000": 1_000_000,
    "1\xa0000": 1000,
    "12\u202f345\u202f678": 12_345_678,
    "1\u2009000,5": "2001/2",
    "1'000'000": 1_000_000,
    "1’000.25": "4001/4",
    "12,34,567": 1_234_567,
    "1,000.5": "2001/2",
    "1.000,5": "2001/2",
    "1.234.567": 1_234_567,
    "1.234,56": "30864/25",
    "0,75": "3/4",
    "١٢٣": 123,
    "١٬٠٠٠٫٥": "2001/2",
    "۱۲۳۴": 1234,
    "१२": 12,
    "１２３": 123,
    "−5": -5,
    "－5": -5,
    "\u200e-\u200f5": -5,
    "$-5": -5,
    "½": "1/2",
    "1½": "3/2",
    "1 ½": "3/2",
    "1 1/2": "3/2",
    "-1 1/2": "-3/2",
    "7/2": "7/2",
    "€1 000": 1000,
    "in 2020 1 000 000": 1_000_000,
    "It is 1,5,7": 7,
    "5-2": 2,
    "06:40": 40,
    "5 - 8 = −3": -3,
    "5e3f": 3,
    "1 0": 0,
}


@pytest.mark.parametrize("spelling", READ)
def test_a_number_is_read(spelling: str) -> None:
    found = read_number(spelling, last=True)
    assert found is not None
    assert found.value == Fraction(READ[spelling])


@pytest.mark.parametrize(
    ("text", "first"),
    [("2020 1 000 000", 2020), ("1 000 000 and 5", 1_000_000), ("10 20/3", 10), ("1 1/2 cups", "3/2"), ("1,5,7", 1)],
)
def test_the_first_number_is_read(text: str, first: int | str) -> None:
    found = read_number(text, last=False)
    assert found is not None
    assert found.value == Fraction(first)


# Response, reference: another reading of one of them would be right, so no label is safe.
UNSAFE = [("1.234", "1234"), ("1,234", "1.234"), ("1234", "1.234"), ("It is 1,5", "5"), ("3 200", "200"), ("5", "1,5")]
SAFE = [
    ("1.234", "1.234", 1),
    ("1,234", "1234", 1),
    ("1,5", "1.5", 1),
    ("1,5", "1,5", 1),
    ("1.234", "1235", 0),
    ("3 200", "3,200", 1),
    ("12.500", "12.5", 1),
    ("1 000", "0", 0),
]


@pytest.mark.parametrize(("response", "reference"), UNSAFE)
def test_a_spelling_that_may_mean_the_right_number_is_neither_right_nor_wrong(response: str, reference: str) -> None:
    verdict = judged("number", response, reference=reference)
    assert (verdict.failure, verdict.scores[0].value) == ("inapplicable", None)
    assert "two different numbers" in str(verdict.detail)


@pytest.mark.parametrize(("response", "reference", "expected"), SAFE)
def test_a_spelling_of_the_right_number_is_right(response: str, reference: str, expected: float) -> None:
    assert value("number", response, reference=reference) == expected


@pytest.mark.parametrize("text", ["7" * 5000, "1e999999", "1" * 1_000_000, "1e-99999"])
def test_an_overflowing_number_equals_no_other_and_is_not_a_reference(text: str) -> None:
    assert value("number", f"5 {text}", reference="5") == 0
    assert judged("number", "5", reference=text).failure == "inapplicable"


GROUPS = {",": ".", " ": ".", "\xa0": ",", "\u202f": ",", ".": ",", "'": "."}


@given(
    st.integers(10**6, 10**12), st.integers(1, 9), st.sampled_from(sorted(GROUPS)), st.sampled_from("٠०０0"), st.booleans()
)
def test_groups_decimals_and_digits_of_any_script_are_read(
    whole: int, tenth: int, group: str, zero: str, minus: bool
) -> None:
    text = f"{'−' * minus}{whole:,}".replace(",", group) + GROUPS[group] + str(tenth)
    text = "".join(chr(ord(zero) + int(c)) if c.isdecimal() else c for c in text)
    found = read_number(f"so {text}.", last=True)
    assert found is not None
    assert found.value == (-1 if minus else 1) * (whole + Fraction(tenth, 10))
