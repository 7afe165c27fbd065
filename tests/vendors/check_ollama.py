"""Ollama's own SDK against the Ollama server; run by the environment of `requirements.txt`."""

from __future__ import annotations

import base64

import ollama
from steering import REPLY, expected, host, run, script

CHAT = "llama3.2"
HELLO = [{"role": "system", "content": "Listen well."}, {"role": "user", "content": "Good evening."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}
CLIENT = ollama.Client(host=host(), timeout=10)


def check_answer_streams() -> None:
    options = {"temperature": 0.5, "num_ctx": 4096, "seed": 3}
    lines = list(CLIENT.chat(model=CHAT, messages=HELLO, stream=True, options=options, think=False))
    assert "".join(line.message.content or "" for line in lines) == REPLY
    last = lines[-1]
    assert (last.done, last.done_reason) == (True, "stop")
    assert last.prompt_eval_count > 0
    assert last.eval_count > 1


def check_tools() -> None:
    script(calls=[["weather", '{"place": "Leith"}']])
    script(calls=[("weather", '{"place": "Leith"}')])
    [line] = [
        line
        for line in CLIENT.chat(model=CHAT, messages=HELLO, tools=[WEATHER], stream=True)
        if line.message.tool_calls
    ]
    [call] = line.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", {"place": "Leith"})


def check_thoughts() -> None:
    script(thoughts="They wish me well.")
    script(thoughts="They wish me well.")
    lines = list(CLIENT.chat(model="qwen3:4b", messages=HELLO, stream=True, think=True))
    assert "".join(line.message.thinking or "" for line in lines) == "They wish me well."


def check_pictures_and_forms_go_in() -> None:
    picture = {**HELLO[1], "images": [base64.b64encode(b"\x89PNG").decode()]}
    lines = CLIENT.chat(
        model=CHAT, messages=[picture], stream=True, format={"type": "object"}, keep_alive="5m"
    )
    assert "".join(line.message.content or "" for line in lines) == REPLY


def check_vectors() -> None:
    made = CLIENT.embed(model=CHAT, input=["calm", "sea"])
    assert [len(vector) for vector in made.embeddings] == [8, 8]
    assert made.prompt_eval_count == 2


def check_models() -> None:
    listed = CLIENT.list().models
    assert [model.model for model in listed] == ["llama3.2:latest", "qwen3:4b"]
    assert listed[0].details.parameter_size == "3.2B"
    assert "tools" in CLIENT.show(CHAT).capabilities


def check_a_model_is_fetched() -> None:
    steps = list(CLIENT.pull("llama3.2", stream=True))
    assert steps[0].status == "pulling manifest"
    assert steps[-1].status == "success"
    assert any(step.completed == step.total for step in steps if step.total)


def check_refusals() -> None:
    with expected(ollama.ResponseError, lambda error: error.status_code == 404 and "absent" in error.error):
        list(CLIENT.chat(model="absent", messages=HELLO, stream=True))
    script(status=500)
    with expected(ollama.ResponseError, lambda error: error.status_code == 500):
        list(CLIENT.chat(model=CHAT, messages=HELLO, stream=True))


def check_a_failure_inside_the_stream() -> None:
    script(error_after=3)
    said = ""
    with expected(ollama.ResponseError, lambda error: error.status_code == -1):
        for line in CLIENT.chat(model=CHAT, messages=HELLO, stream=True):
            said += line.message.content or ""
    assert said
    assert REPLY.startswith(said)


if __name__ == "__main__":
    run(dict(globals()))
