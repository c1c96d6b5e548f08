"""The sentences of cases.json, which define the grammar, and of more_cases.json, worked out by hand."""

from tests.quick_add.saying import cases, codes, fields, said

CASES = cases("cases.json", "more_cases.json")


def test_a_sentence_means_what_it_says() -> None:
    """None is wrong and certain, and none is asked without need. All that differ are shown at once."""
    wrong = {}
    for case in CASES:
        understood = said(case["text"], case["now"], case["timezone"])
        found = (codes(understood), fields(understood))
        if found != (([case["ask"]], {}) if "ask" in case else ([], case["expect"])):
            wrong[case["id"]] = (case["text"], found)
    assert wrong == {}


def test_a_choice_answers_its_question() -> None:
    for case in CASES:
        for question in said(case["text"], case["now"], case["timezone"]).questions:
            texts = {choice.text for choice in question.choices}
            assert len(texts) == len(question.choices) >= (0 if question.code == "no_title" else 2), case
            for text in texts:
                assert question.code not in codes(said(text, case["now"], case["timezone"])), (case, text)


def test_spans_are_places_in_the_sentence() -> None:
    for case in CASES:
        end = 0
        for span in said(case["text"], case["now"], case["timezone"]).spans:
            assert end <= span.start < span.end <= len(case["text"]), case
            assert span.text == case["text"][span.start : span.end], case
            assert span.means, case
            end = span.end


def test_every_word_is_understood_or_in_the_title() -> None:
    for case in CASES:
        understood = said(case["text"], case["now"], case["timezone"])
        text = case["text"]
        for span in reversed(understood.spans):
            text = f"{text[: span.start]} {text[span.end :]}"
        if "title" in understood.fields:
            assert without_quotes(understood.fields["title"]) == without_quotes(text), case


def without_quotes(text: str) -> str:
    return " ".join(text.translate(dict.fromkeys(map(ord, '"“”'))).split())
