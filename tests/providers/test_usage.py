"""What vendors say of what a request took: read where it makes sense, and otherwise as if nothing had been said."""

from __future__ import annotations

import pytest

from companion.flow import Usage
from companion.providers.vendors.google.wire import usage as google
from companion.providers.vendors.openai.chat import _usage as openai
from companion.providers.vendors.openai.realtime import _usage as realtime
from companion.providers.vendors.openai.responses import _usage as responses

ODD = ["12", [3], -5, 1e308, float("nan"), float("inf"), True, {"a": 1}]


def test_words_and_sound_are_told_apart() -> None:
    live = {
        "promptTokenCount": 100,
        "responseTokenCount": 40,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 30},
            {"modality": "AUDIO", "tokenCount": 70},
        ],
        "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 40}],
    }
    assert google(live) == Usage(
        input_tokens=100, output_tokens=40, audio_input_tokens=70, audio_output_tokens=40
    )


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_a_figure_that_is_no_count_makes_the_usage_unknown(odd: object) -> None:
    assert openai({"prompt_tokens": odd, "completion_tokens": odd}) is None
    assert google({"promptTokenCount": odd, "candidatesTokenCount": odd}) is None
    assert realtime({"input_tokens": odd, "output_tokens": odd, "input_token_details": odd}) is None
    assert responses({"input_tokens": odd, "output_tokens": odd, "input_tokens_details": odd}) is None


@pytest.mark.parametrize("odd", [None, *ODD, {}], ids=repr)
def test_usage_that_is_no_object_is_no_usage(odd: object) -> None:
    assert openai(odd) is None
    assert google(odd) is None
    assert realtime(odd) is None
    assert responses(odd) is None


def test_odd_details_spoil_nothing() -> None:
    told = {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": "none"}
    assert openai(told) == Usage(input_tokens=5, output_tokens=2)
    for odd in ODD:
        read = {"input_tokens": 5, "output_tokens": 2, "input_tokens_details": odd}
        assert responses(read) == Usage(input_tokens=5, output_tokens=2)
