"""The sentences of cases.json, which define the grammar, and of more_cases.json, worked out by hand."""

from typing import Any

import pytest

from tests.quick_add.saying import cases, codes, fields, said

CASES = cases("cases.json", "more_cases.json")


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_sentence_means_what_it_says(case: dict[str, Any]) -> None:
    understood = said(case["text"], case["now"], case["timezone"])
    if "ask" in case:
        assert (codes(understood), understood.fields) == ([case["ask"]], {})
    else:
        assert (codes(understood), fields(understood)) == ([], case["expect"])


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_choice_answers_its_question(case: dict[str, Any]) -> None:
    for question in said(case["text"], case["now"], case["timezone"]).questions:
        texts = {choice.text for choice in question.choices}
        assert len(texts) == len(question.choices) >= (0 if question.code == "no_title" else 2)
        for text in texts:
            assert question.code not in codes(said(text, case["now"], case["timezone"])), text


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_spans_are_places_in_the_sentence(case: dict[str, Any]) -> None:
    understood = said(case["text"], case["now"], case["timezone"])
    end = 0
    for span in understood.spans:
        assert end <= span.start < span.end <= len(case["text"])
        assert span.text == case["text"][span.start : span.end]
        assert span.means
        end = span.end


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_every_word_is_understood_or_in_the_title(case: dict[str, Any]) -> None:
    understood = said(case["text"], case["now"], case["timezone"])
    if "title" in understood.fields:
        text = case["text"]
        for span in reversed(understood.spans):
            text = f"{text[: span.start]} {text[span.end :]}"
        assert without_quotes(understood.fields["title"]) == without_quotes(text)


def without_quotes(text: str) -> str:
    return " ".join(text.translate(dict.fromkeys(map(ord, '"“”'))).split())
