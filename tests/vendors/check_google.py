"""Google's own SDK against the Gemini server; run by the environment of `requirements.txt`."""

from __future__ import annotations

import base64
import functools
import json
import warnings

from google import genai
from google.genai import errors, types
from steering import KEY, REPLY, TRANSCRIPT, expected, run, script, server, wav

CHAT, EARS, MOUTH = "gemini-3.8-flash", "gemini-3.5-transcribe", "gemini-3.8-flash-tts"
FILM = "gemini-omni-1.2-flash"
WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="weather",
            description="The weather of a place.",
            parameters_json_schema={"type": "object", "properties": {"place": {"type": "string"}}},
        )
    ]
)


@functools.cache  # one that nobody holds closes its connections
def client() -> genai.Client:
    return genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=server()))


def check_answer_streams() -> None:
    config = types.GenerateContentConfig(system_instruction="Listen well.", max_output_tokens=500, seed=3)
    chunks = list(
        client().models.generate_content_stream(model=CHAT, contents="Good evening.", config=config)
    )
    assert len(chunks) > 3
    assert "".join(chunk.text or "" for chunk in chunks) == REPLY
    last = chunks[-1]
    assert last.candidates[0].finish_reason is types.FinishReason.STOP
    assert last.usage_metadata.prompt_token_count > 0
    assert last.usage_metadata.candidates_token_count > 1
    assert (last.model_version, last.response_id) == (CHAT, "resp_test_1")


def check_answer_at_once() -> None:
    answer = client().models.generate_content(model=CHAT, contents="Good evening.")
    assert answer.text == REPLY
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP


def check_lines_of_any_kind() -> None:
    script(split=True, reply="Ein Kaffee für 3 € – schön. 🌿")
    chunks = client().models.generate_content_stream(model=CHAT, contents="Good evening.")
    assert "".join(chunk.text or "" for chunk in chunks) == "Ein Kaffee für 3 € – schön. 🌿"


def check_thoughts() -> None:
    script(thoughts="They wish me well.")
    thinking = types.ThinkingConfig(thinking_level=types.ThinkingLevel.HIGH, include_thoughts=True)
    config = types.GenerateContentConfig(thinking_config=thinking)
    answer = client().models.generate_content(model=CHAT, contents="Good evening.", config=config)
    thoughts = [part.text for part in answer.candidates[0].content.parts if part.thought]
    assert "".join(thoughts) == "They wish me well."
    assert answer.text == REPLY
    assert answer.usage_metadata.thoughts_token_count == 7


def check_tools_are_signed() -> None:
    script(calls=[["weather", '{"place": "Leith"}']])
    config = types.GenerateContentConfig(
        tools=[WEATHER], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)
    )
    question = types.Content(role="user", parts=[types.Part(text="What is the weather in Leith?")])
    called = client().models.generate_content(model=CHAT, contents=[question], config=config)
    part = called.candidates[0].content.parts[0]
    assert (part.function_call.name, part.function_call.args) == ("weather", {"place": "Leith"})
    assert part.thought_signature
    answered = types.Content(
        role="user", parts=[types.Part.from_function_response(name="weather", response={"sky": "grey"})]
    )
    history = [question, called.candidates[0].content, answered]
    assert client().models.generate_content(model=CHAT, contents=history, config=config).text == REPLY
    part.thought_signature = None
    with expected(
        errors.ClientError, lambda error: error.code == 400 and "thought_signature" in error.message
    ):
        client().models.generate_content(model=CHAT, contents=history, config=config)


def check_pictures_and_sound_go_in() -> None:
    picture = types.Part.from_bytes(data=b"\x89PNG", mime_type="image/png")
    assert client().models.generate_content(model=CHAT, contents=["What is this?", picture]).text == REPLY
    sound = types.Part.from_bytes(data=wav(1), mime_type="audio/wav")
    assert client().models.generate_content(model=CHAT, contents=["Write it down.", sound]).text == TRANSCRIPT


def check_a_recording_is_heard() -> None:
    hearing = types.AudioTranscriptionConfig(language_codes=["en-GB"], custom_vocabulary=["Leith"])
    config = types.GenerateContentConfig(audio_transcription_config=hearing)
    sound = types.Part.from_bytes(data=wav(1), mime_type="audio/wav")
    chunks = client().models.generate_content_stream(model=EARS, contents=[sound], config=config)
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
    heard = [part.audio_transcription.text for part in parts if part.audio_transcription]
    assert " ".join(heard) == TRANSCRIPT
    assert len(heard) > 1


def check_a_text_is_spoken() -> None:
    voice = types.VoiceConfig(prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name="Kore"))
    config = types.GenerateContentConfig(
        response_modalities=["AUDIO"], speech_config=types.SpeechConfig(voice_config=voice)
    )
    chunks = client().models.generate_content_stream(model=MOUTH, contents="Good evening.", config=config)
    blobs = [
        part.inline_data for chunk in chunks for part in chunk.candidates[0].content.parts if part.inline_data
    ]
    assert {blob.mime_type for blob in blobs} == {"audio/L16;codec=pcm;rate=24000"}
    assert sum(len(blob.data) for blob in blobs) > 24_000


def check_a_picture_is_drawn() -> None:
    config = types.GenerateContentConfig(
        response_modalities=["IMAGE"], image_config=types.ImageConfig(aspect_ratio="16:9")
    )
    drawn = client().models.generate_content(
        model="gemini-3.1-flash-lite-image", contents="A calm sea.", config=config
    )
    [blob] = [part.inline_data for part in drawn.candidates[0].content.parts if part.inline_data]
    assert blob.data.startswith(b"\x89PNG")


def check_vectors() -> None:
    config = types.EmbedContentConfig(task_type="RETRIEVAL_QUERY", output_dimensionality=16)
    made = client().models.embed_content(
        model="gemini-embedding-001", contents=["calm", "sea"], config=config
    )
    assert [len(each.values) for each in made.embeddings] == [16, 16]
    made = client().models.embed_content(model="gemini-embedding-2", contents="calm")
    assert len(made.embeddings[0].values) == 3072


def check_an_answer_in_a_form() -> None:
    form = {"type": "object", "properties": {"mood_word": {"type": "string"}}}
    script(reply=json.dumps({"mood_word": "calm"}))
    config = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=form)
    answer = client().models.generate_content(model=CHAT, contents="How was it?", config=config)
    assert json.loads(answer.text) == {"mood_word": "calm"}


def check_models_in_pages() -> None:
    names = [model.name for model in client().models.list(config={"page_size": 3})]
    assert f"models/{CHAT}" in names
    assert len(names) == len(set(names)) > 6


def check_voices() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SDK calls this part experimental
        listed = client().voices.list()
    assert [(voice.id, voice.display_name) for voice in listed.voices][:1] == [("Kore", "Kore")]


def check_tokens_are_counted() -> None:
    assert client().models.count_tokens(model=CHAT, contents="Good evening.").total_tokens > 0


def check_videos() -> None:
    form = {
        "type": "video",
        "delivery": "uri",
        "aspect_ratio": "9:16",
        "resolution": "1080p",
        "duration": "8s",
    }
    picture = {"type": "image", "mime_type": "image/png", "data": base64.b64encode(b"PNG").decode()}
    asked = [picture, {"type": "text", "text": "A lake at dusk."}]
    begun = client().interactions.create(
        model=FILM, input=asked, background=True, store=True, response_format=form
    )
    assert begun.status == "in_progress"
    found = begun
    while found.status == "in_progress":
        found = client().interactions.get(begun.id)
    assert found.status == "completed"
    assert found.output_video.mime_type == "video/mp4"
    assert found.usage.total_output_tokens == 57_920
    name = found.output_video.uri.rpartition("/")[2].partition(":")[0]
    while client().files.get(name=name).state is types.FileState.PROCESSING:
        pass
    assert client().files.download(file=types.Video(uri=found.output_video.uri))[4:8] == b"ftyp"
    again = client().interactions.create(model=FILM, input="A lake.", background=True, response_format=form)
    assert client().interactions.cancel(again.id).status == "cancelled"


def check_a_wrong_key() -> None:
    script(keys=["another"])
    with expected(
        errors.ClientError, lambda error: error.code == 400 and "API key not valid" in error.message
    ):
        client().models.generate_content(model=CHAT, contents="Good evening.")


def check_a_pause_is_asked_for() -> None:
    script(status=429)
    with expected(
        errors.ClientError,
        lambda error: (
            (error.code, error.status) == (429, "RESOURCE_EXHAUSTED")
            and any(detail.get("retryDelay") == "3s" for detail in error.details["error"]["details"])
        ),
    ):
        client().models.generate_content(model=CHAT, contents="Good evening.")


def check_an_unknown_model() -> None:
    with expected(errors.ClientError, lambda error: error.code == 404):
        client().models.generate_content(model="gemini-0", contents="Good evening.")


def check_a_failure_inside_the_stream() -> None:
    for shape in ("nested", "bare"):
        script(error_after=3, error_shape=shape)
        said = ""
        with expected(errors.ServerError, lambda error: error.code == 503):
            for chunk in client().models.generate_content_stream(model=CHAT, contents="Good evening."):
                said += chunk.text or ""
        assert REPLY.startswith(said)
        assert said


def check_an_answer_that_is_stopped() -> None:
    script(finish="SAFETY", empty=True)
    answer = client().models.generate_content(model=CHAT, contents="Good evening.")
    assert answer.candidates[0].finish_reason is types.FinishReason.SAFETY
    assert not answer.text


def check_every_field_the_product_sends() -> None:
    """The test beside this script compares the names that arrive with those that the product sends."""
    script(models=["gemini-2.5-pro", CHAT, MOUTH, "gemini-3.1-flash-lite-image", "gemini-embedding-001"])
    choice = types.FunctionCallingConfig(mode="ANY", allowed_function_names=["weather"])
    config = types.GenerateContentConfig(
        temperature=0.5,
        top_p=0.9,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        seed=7,
        stop_sequences=["END"],
        max_output_tokens=100,
        tools=[WEATHER],
        tool_config=types.ToolConfig(function_calling_config=choice),
        thinking_config=types.ThinkingConfig(thinking_budget=128),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    picture = types.Part.from_uri(file_uri="https://a.invalid/b.png", mime_type="image/png")
    signature = base64.b64decode("skip_thought_signature_validator", altchars=b"-_")
    call = types.FunctionCall(id="fc_1", name="weather", args={"place": "Leith"})
    answer = types.FunctionResponse(id="fc_1", name="weather", response={"sky": "grey"})
    history = [
        types.Content(role="user", parts=[types.Part(text="What is this?"), picture]),
        types.Content(role="model", parts=[types.Part(function_call=call, thought_signature=signature)]),
        types.Content(role="user", parts=[types.Part(function_response=answer)]),
    ]
    assert client().models.generate_content(model="gemini-2.5-pro", contents=history, config=config).text
    own = types.VoiceConfig(voice="voice_abc")
    spoken = types.GenerateContentConfig(
        response_modalities=["AUDIO"], speech_config=types.SpeechConfig(voice_config=own)
    )
    styled = types.Part(text="Good evening.", speech_metadata=types.SpeechMetadata(style="slow"))
    client().models.generate_content(
        model=MOUTH, contents=types.Content(role="user", parts=[styled]), config=spoken
    )
    drawn = types.GenerateContentConfig(
        response_modalities=["IMAGE"], image_config=types.ImageConfig(aspect_ratio="16:9", image_size="2K")
    )
    client().models.generate_content(model="gemini-3.1-flash-lite-image", contents="A sea.", config=drawn)


def check_signatures_are_bytes() -> None:
    assert types.Part(thought_signature=base64.b64decode("skip_thought_signature_validator", altchars=b"-_"))


if __name__ == "__main__":
    run(dict(globals()))
