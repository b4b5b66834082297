import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.core.text import FILTERS, visible
from rlaif.report.charts import HEIGHT, lines, range_histogram, scale_histogram, ticks

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 4))


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 100, ["0", "50", "100"]),
        (0, 1, ["0.0", "0.5", "1.0"]),
        (-0.3, 0.25, ["−0.2", "0.0", "0.2"]),
        (0, 12_000, ["0", "5,000", "10,000"]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, labels: list[str]) -> None:
    assert [label for _, label in ticks(low, high, 3)] == labels


@given(NUMBERS, st.floats(1e-3, 1e6), st.integers(2, 8))
def test_ticks_are_few_and_within(low: float, span: float, about: int) -> None:
    places = [place for place, _ in ticks(low, low + span, about)]
    assert len(places) <= about + 1
    assert all(low - 1e-6 * span <= place <= low + span * (1 + 1e-6) for place in places)


@given(st.dictionaries(st.integers(0, 19), st.integers(1, 10_000)))
def test_a_histogram_shows_every_count_within_its_height(counts: dict[int, int]) -> None:
    chart = range_histogram(counts, -100, 100, 20)
    assert {place: bar.count for place, bar in enumerate(chart.bars) if bar.count} == counts
    assert all(0 <= bar.y <= HEIGHT and abs(bar.y + bar.height - HEIGHT) < 1e-9 for bar in chart.bars)
    assert abs(sum(bar.width for bar in chart.bars) - 100) < 1e-9


def test_bars_of_a_scale_stand_on_its_values() -> None:
    chart = scale_histogram({0: 3, 4: 1}, 1, 5, 4)
    assert [bar.label for bar in chart.bars] == ["1", "2", "3", "4", "5"]
    assert [tick.label for tick in chart.x] == ["1", "2", "3", "4", "5"]
    assert chart.x[0].at == chart.bars[0].x + chart.bars[0].width / 2


@given(st.lists(st.tuples(st.integers(0, 10**6), NUMBERS), min_size=1, max_size=900))
def test_a_line_stays_within_its_chart_and_ends_at_the_last_value(points: list[tuple[int, float]]) -> None:
    points.sort(key=lambda point: point[0])
    line = lines({"loss": points}).lines[0]
    drawn = [tuple(map(float, point.split(","))) for point in line.points.split()]
    assert len(drawn) <= 301
    assert line.last == points[-1][1]
    assert all(0 <= x <= 100 and -0.01 <= y <= HEIGHT + 0.01 for x, y in drawn)


@given(st.text())
def test_visible_text_hides_nothing_and_keeps_what_shows(text: str) -> None:
    shown = visible(text)
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp") or c in "\n\t\u200c\u200d" for c in shown)
    # A few letters and marks are invisible and become code points, such as Hangul fillers and the grapheme joiner.
    plain = [c for c in text if unicodedata.category(c)[0] not in "CMZ" and c not in "\u115f\u1160\u3164\uffa0"]
    remaining = iter(shown)
    assert all(character in remaining for character in plain)


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("count", (12345,), "12,345"),
        ("count", (None,), "–"),
        ("number", (-0.25, 2), "−0.25"),
        ("signed", (3.0,), "+3.0"),
        ("percent", (0.875,), "88\u00a0%"),
        ("percent", (0.875, 1), "87.5\u00a0%"),
        ("seconds", (59.94,), "59.9 s"),
        ("seconds", (59.99,), "1 min 00 s"),
        ("seconds", (3725,), "1 h 02 min"),
        ("short", (10.0,), "10"),
    ],
)
def test_numbers_are_written_for_people(name: str, arguments: tuple[float, ...], text: str) -> None:
    assert FILTERS[name](*arguments) == text
