"""What holds for every series, whatever its rule, zone and anchor."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from recurrence.rules import Series

RULES = [
    "daily",
    "weekly",
    "monthly",
    "weekdays",
    "cron:30 2 * * *",
    "cron:0,30 0-3 * * *",
    "cron:0-59 0-23 * * *",
    "cron:59 23 * * 1-5",
    "cron:0 0 31 * *",
    "cron:15 1 13 * FRI",
    "cron:* * * * *",
    "cron:*/20 * * * *",
    "cron:30 * * * *",
    "cron:*/15 2 * * 0",
    "cron:* 0 1 */3 *",
]
ZONES = [
    "UTC",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "Antarctica/Casey",
    "Antarctica/Troll",
    "Asia/Gaza",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kwajalein",
]
# The days on which the clocks of these zones did something, beside any others.
DAYS = [
    datetime.fromisoformat(day)
    for day in (
        "1969-09-30",
        "1993-08-20",
        "2009-10-17",
        "2010-11-06",
        "2011-12-29",
        "2025-03-08",
        "2025-11-01",
    )
]

days = st.one_of(st.sampled_from(DAYS), st.datetimes(DAYS[0], datetime.fromisoformat("2040-01-01")))
locals_ = st.builds(
    lambda day, minutes: day.replace(second=0, microsecond=0) + timedelta(minutes=minutes),
    days,
    st.integers(0, 3000),
)
series_of_all_kinds = st.builds(
    lambda rule, zone, anchor: Series(rule=rule, timezone=zone, anchor=anchor),
    st.sampled_from(RULES),
    st.sampled_from(ZONES),
    locals_,
)
spans = st.one_of(st.integers(0, 4000), st.integers(0, 600_000)).map(
    lambda minutes: timedelta(minutes=minutes)
)
exhaustively = settings(derandomize=True, deadline=None, database=None, max_examples=60)


def moment(series: Series, span: timedelta) -> datetime:
    """An instant around or after the anchor."""
    return series.anchor.replace(tzinfo=UTC) - timedelta(days=1) + span


@exhaustively
@given(series=series_of_all_kinds, span=spans)
def test_each_slot_is_strictly_after_the_question_and_on_a_whole_minute(
    series: Series, span: timedelta
) -> None:
    asked = moment(series, span) + timedelta(seconds=17)

    for slot in series.upcoming(asked, 4):
        assert slot > asked
        assert slot.tzinfo is UTC
        assert (slot.second, slot.microsecond) == (0, 0)
        asked = slot


@exhaustively
@given(series=series_of_all_kinds)
def test_going_from_slot_to_slot_is_what_is_upcoming(series: Series) -> None:
    first = series.next_after(None)
    assert first is not None

    walked = [first]
    while len(walked) < 5 and (slot := series.next_after(walked[-1])) is not None:
        walked.append(slot)

    assert walked == series.upcoming(None, 5) == sorted(set(walked))


@exhaustively
@given(series=series_of_all_kinds, span=spans, permille=st.integers(0, 999))
def test_the_answer_is_the_same_from_anywhere_between_two_slots(
    series: Series, span: timedelta, permille: int
) -> None:
    slots = series.upcoming(moment(series, span), 3)

    for earlier, later in pairwise(slots):
        assert series.next_after(earlier + (later - earlier) * permille // 1000) == later
        assert series.next_after(later - timedelta(microseconds=1)) == later


@exhaustively
@given(series=series_of_all_kinds, span=spans, ahead=st.integers(1, 40))
def test_what_is_counted_is_what_is_listed(series: Series, span: timedelta, ahead: int) -> None:
    after = moment(series, span)
    slots = series.upcoming(after, ahead)
    if slots:
        answer = series.catch_up(after, slots[-1], "all", limit=5)

        assert answer.missed == len(slots)
        assert answer.slots == slots[-5:]
        assert series.catch_up(after, slots[-1] - timedelta(minutes=1), "skip").missed == len(slots) - 1


@exhaustively
@given(series=series_of_all_kinds, span=spans, first=spans, second=spans)
def test_counts_add_up(series: Series, span: timedelta, first: timedelta, second: timedelta) -> None:
    start = moment(series, span)
    middle, end = start + first, start + first + second

    def missed(after: datetime, now: datetime) -> int:
        return series.catch_up(after, now, "skip").missed

    assert missed(start, middle) + missed(middle, end) == missed(start, end)


@exhaustively
@given(series=series_of_all_kinds, span=spans)
def test_the_newest_slot_is_the_last_before_the_next(series: Series, span: timedelta) -> None:
    now = moment(series, span)
    answer = series.catch_up(None, now)

    assert (answer.missed == 0) == (answer.slots == [])
    for slot in answer.slots:
        assert slot <= now
        assert series.next_after(slot) == answer.next


@exhaustively
@given(series=series_of_all_kinds, span=spans)
def test_the_end_cuts_the_series_and_changes_nothing_before(series: Series, span: timedelta) -> None:
    end = moment(series, span)
    ended = Series(rule=series.rule, timezone=series.timezone, anchor=series.anchor, until=end)

    assert ended.upcoming(None, 20) == [slot for slot in series.upcoming(None, 20) if slot <= end]
    assert (
        ended.catch_up(None, end + timedelta(days=1), "skip").missed
        == series.catch_up(None, end, "skip").missed
    )


@exhaustively
@given(series=series_of_all_kinds, span=spans, early=st.integers(-5000, 5000))
def test_completing_creates_a_slot_after_both(series: Series, span: timedelta, early: int) -> None:
    occurrence = series.next_after(moment(series, span))
    if occurrence is not None:
        completed = occurrence + timedelta(minutes=early)
        slot = series.after_completion(occurrence, completed)
        assert slot is None or slot > max(occurrence, completed)


@exhaustively
@given(
    rule=st.sampled_from(["daily", "weekly", "monthly"]),
    zone=st.sampled_from(ZONES),
    anchor=locals_,
    early=st.integers(-50_000, 50_000),
)
def test_counting_from_completion_gives_another_slot_after_it(
    rule: str, zone: str, anchor: datetime, early: int
) -> None:
    series = Series(rule=rule, timezone=zone, anchor=anchor)
    occurrence = series.next_after(None)
    assert occurrence is not None
    completed = occurrence + timedelta(minutes=early)

    slot = series.after_completion(occurrence, completed, "after_completion")

    assert slot is not None
    assert completed < slot != occurrence
