"""Mistral's own SDK against the Mistral server; run by the environment of `requirements.txt`."""

from __future__ import annotations

import base64

from mistralai.client import Mistral
from mistralai.client.errors import MistralError
from steering import KEY, REPLY, TRANSCRIPT, expected, host, run, script, wav

CHAT = "mistral-medium-3-5"
HELLO = [{"role": "system", "content": "Listen well."}, {"role": "user", "content": "Good evening."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}
CLIENT = Mistral(api_key=KEY, server_url=host(), retry_config=None)


def text(content: object) -> str:
    """The words of a message, which may be a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content or () if part.type == "text")


def check_answer_streams() -> None:
    events = [
        event.data for event in CLIENT.chat.stream(model=CHAT, messages=HELLO, max_tokens=50, random_seed=3)
    ]
    assert "".join(text(event.choices[0].delta.content) for event in events) == REPLY
    assert events[-1].choices[0].finish_reason == "stop"
    assert events[-1].usage.completion_tokens > 1, "usage comes with the last words, unasked"


def check_answer_at_once() -> None:
    answer = CLIENT.chat.complete(model=CHAT, messages=HELLO, temperature=0.5)
    assert text(answer.choices[0].message.content) == REPLY


def check_tools() -> None:
    script(calls=[["weather", '{"place": "Leith"}']])
    events = CLIENT.chat.stream(model=CHAT, messages=HELLO, tools=[WEATHER], tool_choice="any")
    calls = [call for event in events for call in event.data.choices[0].delta.tool_calls or ()]
    assert calls[0].function.name == "weather"
    assert "".join(str(call.function.arguments) for call in calls) == '{"place": "Leith"}'


def check_a_recording_is_heard() -> None:
    file = {"file_name": "take.wav", "content": wav(1), "content_type": "audio/wav"}
    hearing = CLIENT.audio.transcriptions
    events = [
        event.data for event in hearing.stream(model="voxtral-mini-transcribe-3", file=file, language="en")
    ]
    assert "".join(event.text for event in events if event.type == "transcription.text.delta") == TRANSCRIPT
    [done] = [event for event in events if event.type == "transcription.done"]
    assert done.text == TRANSCRIPT


def check_a_text_is_spoken() -> None:
    made = CLIENT.audio.speech.complete(
        model="voxtral-mini-tts-3", input="Good evening.", voice_id="voice_478", response_format="wav"
    )
    assert base64.b64decode(made.audio_data).startswith(b"RIFF")


def check_vectors() -> None:
    made = CLIENT.embeddings.create(model="mistral-embed", inputs=["calm", "sea"], output_dimension=16)
    assert sorted((each.index, len(each.embedding)) for each in made.data) == [(0, 16), (1, 16)]
    assert made.usage.prompt_tokens == 2


def check_refusals() -> None:
    script(keys=["another"])
    with expected(MistralError, lambda error: error.status_code == 401):
        CLIENT.chat.complete(model=CHAT, messages=HELLO)
    script(keys=[], status=429)
    with expected(MistralError, lambda error: error.status_code == 429 and '"object": "error"' in error.body):
        CLIENT.chat.complete(model=CHAT, messages=HELLO)


if __name__ == "__main__":
    run(dict(globals()))
