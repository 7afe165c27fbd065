"""The plain script that `local_turn` compares with: the same engines, called one after the other. A line in, a line out.

    python -m tests.benchmarks.local_script VOICE_FILE WHISPER_FOLDER GGUF_FILE

In: `{"messages": [...], "take": path of a recording}`. It hears the whole recording, asks for the whole answer and speaks
the whole answer. Out: ms from the beginning to the transcript, the first token and the first sound.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from companion.decoding import read_file
from companion.flow import CAPTURE_RATE_HZ
from companion.providers.here.process import natural_engine
from companion.providers.here.process.espeak import shared_voice
from companion.providers.here.process.whisper_engine import physical_cores
from companion.providers.here.process.whisper_model import WhisperModel

MOST_TOKENS = 60
"""Of an answer, here and in the app."""


class Script:
    def __init__(self, voice: str, whisper: str, model: str) -> None:
        import xllamacpp

        self.ear = WhisperModel(Path(whisper), threads=physical_cores())
        self.voice = natural_engine._load(voice)
        params = xllamacpp.CommonParams()
        params.model.path, params.port, params.n_ctx, params.n_parallel = model, 0, 8192, 1
        cores = os.cpu_count() or 1
        params.cpuparams.n_threads, params.cpuparams_batch.n_threads = max(1, cores - 1), cores
        params.verbosity = 0
        self.server = xllamacpp.Server(params)

    def turn(self, take: str, messages: list[dict[str, str]]) -> dict[str, float]:
        pcm, began, marks = read_file(Path(take), CAPTURE_RATE_HZ).pcm, time.perf_counter(), {}
        words = self.ear.hear(pcm).text
        marks["transcript"] = time.perf_counter() - began
        answer = ""
        for piece in self.ask([*messages, {"role": "user", "content": words}]):
            marks.setdefault("first_token", time.perf_counter() - began)
            answer += piece
        phonemes = " ".join(f"{each.phonemes}{each.stop}" for each in shared_voice().clauses(answer, "en-us"))
        self.speak(phonemes, lambda: marks.setdefault("first_sound", time.perf_counter() - began))
        return {name: seconds * 1000 for name, seconds in marks.items()}

    def ask(self, messages: list[dict[str, str]]) -> Any:
        body = {"messages": messages, "stream": True, "max_tokens": MOST_TOKENS, "cache_prompt": True}
        request = urllib.request.Request(
            f"{self.server.listening_address}/v1/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=600) as lines:
            for line in lines:
                if line.startswith(b"data: {"):
                    for choice in json.loads(line[6:])["choices"]:
                        if piece := choice["delta"].get("content"):
                            yield piece

    def speak(self, phonemes: str, heard: Any) -> None:
        import sherpa_onnx

        manner = sherpa_onnx.GenerationConfig()
        manner.phoneme_codepoints = [[ord(each) for each in phonemes if each in self.voice.symbols]]
        self.voice.engine.generate("", manner, lambda _samples, _share: (heard(), 1)[1])


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the libraries print must not end up between the answers
    script = Script(*sys.argv[1:4])
    answers.write("{}\n")
    answers.flush()
    for line in sys.stdin:
        order = json.loads(line)
        answers.write(json.dumps(script.turn(order["take"], order["messages"])) + "\n")
        answers.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
