"""Generated `rrule:` rules: every part, in every combination that may be set."""

from hypothesis import strategies as st

from tests.recurrence.rrule_walk import NAMES

LONGEST = {"DAILY": 70, "WEEKLY": 30, "MONTHLY": 60, "YEARLY": 10}
POSITIONS = st.one_of(st.sampled_from([1, -1, 2, -2, 5]), st.integers(1, 31), st.integers(-31, -1))


def joined(items: st.SearchStrategy[object], most: int) -> st.SearchStrategy[str]:
    return st.lists(items, min_size=1, max_size=most).map(lambda chosen: ",".join(map(str, chosen)))


@st.composite
def rules(draw: st.DrawFn) -> str:
    freq = draw(st.sampled_from(list(LONGEST)))
    parts = {"FREQ": freq}
    if draw(st.booleans()):
        parts["INTERVAL"] = str(draw(st.one_of(st.integers(1, 4), st.integers(1, LONGEST[freq]))))
    if draw(st.booleans()):
        parts["BYMONTH"] = draw(joined(st.integers(1, 12), 4))
    if draw(st.booleans()):
        numbered = freq == "MONTHLY" or (freq == "YEARLY" and "BYMONTH" in parts)
        numbers = ["", "1", "+2", "3", "5", "-1", "-5"] if numbered else [""]
        items = st.tuples(st.sampled_from(numbers), st.sampled_from(NAMES)).map("".join)
        parts["BYDAY"] = draw(joined(items, 5))
    if freq != "WEEKLY" and draw(st.booleans()):
        parts["BYMONTHDAY"] = draw(joined(st.one_of(st.integers(1, 31), st.integers(-31, -1)), 4))
    if freq != "DAILY" and parts.keys() & {"BYMONTH", "BYDAY", "BYMONTHDAY"} and draw(st.booleans()):
        parts["BYSETPOS"] = draw(joined(POSITIONS, 2))
    if draw(st.booleans()):
        parts["WKST"] = draw(st.sampled_from(NAMES))
    if draw(st.integers(0, 3)) == 0:
        parts["COUNT"] = str(draw(st.integers(1, 60)))
    return "rrule:" + ";".join(
        f"{name}={value}" for name, value in draw(st.permutations(list(parts.items())))
    )
