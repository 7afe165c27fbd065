"""Groq's own SDK against the Groq server; run by the environment of `requirements.txt`."""

from __future__ import annotations

import json

import groq
from steering import KEY, REPLY, TRANSCRIPT, expected, host, run, script, wav

CHAT = "openai/gpt-oss-20b"
HELLO = [{"role": "system", "content": "Listen well."}, {"role": "user", "content": "Good evening."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}
CLIENT = groq.Groq(api_key=KEY, base_url=host(), max_retries=0)


def check_answer_streams() -> None:
    chunks = list(
        CLIENT.chat.completions.create(model=CHAT, messages=HELLO, stream=True, max_completion_tokens=50)
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == REPLY
    last = chunks[-1]
    assert last.choices[0].finish_reason == "stop"
    assert last.x_groq.usage.completion_tokens > 1


def check_answer_at_once() -> None:
    answer = CLIENT.chat.completions.create(model=CHAT, messages=HELLO, temperature=0.5, seed=3)
    assert answer.choices[0].message.content == REPLY
    assert answer.usage.total_tokens > 0


def check_tools() -> None:
    script(calls=[["weather", '{"place": "Leith"}']])
    chunks = CLIENT.chat.completions.create(model=CHAT, messages=HELLO, tools=[WEATHER], stream=True)
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert deltas[0].id
    assert deltas[0].function.name == "weather"
    assert json.loads("".join(delta.function.arguments or "" for delta in deltas)) == {"place": "Leith"}


def check_a_recording_is_heard() -> None:
    heard = CLIENT.audio.transcriptions.create(
        file=("take.wav", wav(1)), model="whisper-large-v3-turbo", language="en", prompt="Leith"
    )
    assert heard.text == TRANSCRIPT


def check_a_text_is_spoken() -> None:
    sound = CLIENT.audio.speech.create(
        model="canopylabs/orpheus-v1-english", voice="hannah", input="Good evening.", response_format="wav"
    )
    raw = sound.read()
    assert raw.startswith(b"RIFF")
    assert len(raw) > 24_000


def check_models() -> None:
    assert CHAT in [model.id for model in CLIENT.models.list().data]


def check_refusals() -> None:
    script(keys=["another"])
    with expected(groq.AuthenticationError, lambda error: error.status_code == 401):
        CLIENT.chat.completions.create(model=CHAT, messages=HELLO)
    script(keys=[], status=429, retry_after="7")
    with expected(groq.RateLimitError, lambda error: error.response.headers["retry-after"] == "7"):
        CLIENT.chat.completions.create(model=CHAT, messages=HELLO)
    script(status=0)
    with expected(groq.NotFoundError, lambda error: "absent" in str(error)):
        CLIENT.chat.completions.create(model="absent", messages=HELLO)
    with expected(groq.BadRequestError, lambda error: "metadata" in str(error)):
        CLIENT.chat.completions.create(model=CHAT, messages=HELLO, extra_body={"metadata": {"a": "b"}})


def check_a_failure_inside_the_stream() -> None:
    script(error_after=3, message="over capacity")
    said = ""
    with expected(groq.APIError, lambda error: "over capacity" in str(error)):
        for chunk in CLIENT.chat.completions.create(model=CHAT, messages=HELLO, stream=True):
            said += chunk.choices[0].delta.content or ""
    assert said
    assert REPLY.startswith(said)


if __name__ == "__main__":
    run(dict(globals()))
