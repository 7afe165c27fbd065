"""Videos as a program meets them: a job that is followed, its file, and its end when nobody wants it any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from companion.calls import Picture
from companion.errors import (
    AIProviderContentRefusedError,
    AIProviderEmptyReplyError,
    AIProviderInvalidRequestError,
    AIProviderNotSupportedError,
    AIProviderTimeoutError,
    CompanionError,
    Kind,
)
from companion.jobs import VideoProgress, VideoRequest
from companion.kinds import Role
from companion.providers import Client, MockAIProvider, registry
from companion.providers.middleware import Budget, MemoryPurse
from companion.providers.provider import AIProvider, Policy
from companion.providers.vendors.google.provider import GoogleProvider
from companion.providers.vendors.google.video import video_body
from companion.providers.vendors.openai.provider import OpenAIProvider
from tests.servers import GoogleServer, OpenAIServer
from tests.servers.openai_jobs import MP4

KEY = "sk-video-0123456789abcdef"
QUICK = Policy(attempts=1, breaker=False, poll_s=0.0)


@dataclass
class Studio:
    """A provider of videos and the server it talks to."""

    provider: AIProvider
    server: OpenAIServer | GoogleServer
    out: Path

    @property
    def jobs(self) -> Any:
        return self.server.jobs if isinstance(self.server, OpenAIServer) else self.server.videos

    def request(self, **wanted: Any) -> VideoRequest:
        model = "sora-2" if isinstance(self.server, OpenAIServer) else ""
        return VideoRequest(**{"prompt": "A lake at dusk.", "out": self.out, "model": model, **wanted})

    async def film(self, **wanted: Any) -> list[VideoProgress]:
        request = self.request(**wanted)
        return [each async for each in self.provider.stacked(self.provider.film)(request)]

    async def fail(self, **wanted: Any) -> CompanionError:
        with pytest.raises(CompanionError) as caught:
            await self.film(**wanted)
        assert not self.out.exists()
        assert not list(self.out.parent.glob(".*")), "nothing half is left"
        return caught.value

    def asked_to_end(self, job: str) -> bool:
        """Whether the vendor was asked to cancel the job."""
        return any(
            seen.method == "DELETE" or seen.path.endswith(f"{job}/cancel") for seen in self.server.asked(job)
        )


@pytest.fixture(params=["openai", "google"])
async def studio(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Studio]:
    kind, cls = {"openai": (OpenAIServer, OpenAIProvider), "google": (GoogleServer, GoogleProvider)}[
        request.param
    ]
    async with kind() as server, cls(base_url=server.url, api_key=KEY) as provider:
        provider.policy = QUICK
        yield Studio(provider, server, tmp_path / "lake.mp4")


async def test_a_video_is_followed_until_it_is_in_its_file(studio: Studio) -> None:
    studio.jobs.looks = 4
    *progress, last = await studio.film(seconds=8, size="1280x720")
    assert {each.job for each in progress} == {last.job}
    assert all(each.video is None for each in progress)
    assert last.video is not None
    assert studio.out.read_bytes() == MP4
    assert (last.video.path, last.video.media_type) == (studio.out, "video/mp4")
    assert last.video.size_bytes == last.received_bytes == len(MP4)
    if isinstance(studio.server, OpenAIServer):
        assert [each.share for each in progress][:4] == [0, 0.25, 0.5, 0.75]
        assert last.video.seconds == 8
    else:
        assert last.usage is not None
        assert last.usage.output_tokens == 57_920
    assert all(KEY not in seen.path for seen in studio.server.requests)
    assert not studio.asked_to_end(last.job)


async def test_a_picture_can_be_its_beginning(studio: Studio) -> None:
    picture = Picture(data=b"\x89PNG begin", media_type="image/png")
    await studio.film(image=picture)
    begun = studio.server.requests[0]
    if isinstance(studio.server, OpenAIServer):
        assert begun.files["input_reference"] == picture.data
        assert begun.body["input_reference"]["content_type"] == "image/png"
    else:
        assert [part["type"] for part in begun.body["input"][0]["content"]] == ["image", "text"]


async def test_one_that_was_begun_before_is_taken_up_by_its_id(studio: Studio) -> None:
    studio.jobs.looks = 50
    progress = studio.provider.film(studio.request(keeps_running=True))
    job = (await anext(progress)).job
    await progress.aclose()
    assert not studio.asked_to_end(job)
    studio.jobs.looks = 1
    before = len(studio.server.requests)
    *_, last = await studio.film(job=job, prompt="")
    assert last.job == job
    assert studio.out.read_bytes() == MP4
    assert all(seen.method == "GET" for seen in studio.server.requests[before:]), "nothing new was begun"


async def test_closing_it_cancels_the_job_unless_it_is_to_go_on(studio: Studio) -> None:
    studio.jobs.looks = 1000
    progress = studio.provider.stacked(studio.provider.film)(studio.request())
    job = (await anext(progress)).job
    await progress.aclose()
    assert studio.asked_to_end(job)
    assert not studio.out.exists()


async def test_cancelling_whoever_waits_cancels_the_job(studio: Studio) -> None:
    studio.jobs.looks = 1_000_000
    waiting = asyncio.ensure_future(studio.film())
    await studio.server.until(lambda: len(studio.server.requests) > 3)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert any(studio.asked_to_end(job) for job in ("video_1", "v1_1"))


async def test_one_given_up_while_it_begins_is_cancelled_as_soon_as_it_is_known(studio: Studio) -> None:
    studio.server.script.header_delay_s = 0.05
    waiting = asyncio.ensure_future(studio.film())
    await studio.server.until(lambda: bool(studio.server.requests))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert any(studio.asked_to_end(job) for job in ("video_1", "v1_1")), "it would have been paid for unseen"


async def test_a_cancellation_the_vendor_refuses_is_in_the_log(
    studio: Studio, expected_warnings: pytest.LogCaptureFixture
) -> None:
    studio.jobs.looks = 1000
    progress = studio.provider.film(studio.request())
    job = (await anext(progress)).job
    studio.server.script.only, studio.server.script.status = job, 500
    await progress.aclose()
    said = f"job {job} at {studio.provider.spec.display_name} could not be cancelled"
    assert said in expected_warnings.text


@pytest.mark.parametrize("keeps_running", [False, True])
async def test_a_wait_that_is_too_long_ends(studio: Studio, keeps_running: bool) -> None:
    studio.jobs.looks = 1_000_000
    error = await studio.fail(wait_s=0.05, keeps_running=keeps_running)
    assert isinstance(error, AIProviderTimeoutError)
    job = next(iter(studio.jobs.videos if isinstance(studio.server, OpenAIServer) else studio.jobs.made))
    assert studio.asked_to_end(job) is not keeps_running
    assert (job in error.hint) is keeps_running


async def test_questions_that_fail_in_passing_are_asked_again(studio: Studio) -> None:
    script = studio.server.script
    script.only = "video_1" if isinstance(studio.server, OpenAIServer) else "v1_1"
    script.status, script.times, script.retry_after = 503, 3, "0"
    *_, last = await studio.film()
    assert last.video is not None


async def test_a_question_that_is_refused_ends_it_and_names_the_job(studio: Studio) -> None:
    script, job = studio.server.script, "video_1" if isinstance(studio.server, OpenAIServer) else "v1_1"
    script.only, script.status = job[:-1], 401
    error = await studio.fail()
    assert error.kind is Kind.KEY_REFUSED
    assert job in error.hint
    script.status = 503
    assert (await studio.fail()).kind is Kind.UNAVAILABLE


async def test_a_job_nobody_knows_is_told_as_such(studio: Studio) -> None:
    error = await studio.fail(job="../models?x=1", prompt="")
    assert isinstance(error, AIProviderInvalidRequestError)
    assert "has no job with the id ../models?x=1" in error.message
    assert len(studio.server.requests) == 1
    assert "%2Fmodels%3Fx" in studio.server.requests[0].path, "an id is no path"


async def test_beginning_is_tried_again_only_where_nothing_was_begun(studio: Studio) -> None:
    studio.provider.policy = replace(QUICK, attempts=3, backoff_s=0.0)
    script = studio.server.script
    script.only, script.status, script.times = (
        "videos" if isinstance(studio.server, OpenAIServer) else "inter",
        503,
        1,
    )
    *_, last = await studio.film()
    assert last.video is not None
    script.status, script.times = 408, 1
    before = len(studio.server.requests)
    with pytest.raises(AIProviderTimeoutError):
        await studio.film()
    assert len(studio.server.requests) == before + 1, "it may have been begun, and would be paid for twice"


async def test_a_download_that_breaks_off_is_made_again(studio: Studio) -> None:
    script = studio.server.script
    script.only = "content" if isinstance(studio.server, OpenAIServer) else "download"
    script.cut_after, script.times = 2, 2
    await studio.film()
    assert studio.out.read_bytes() == MP4
    studio.out.unlink()
    script.times = None
    error = await studio.fail()
    assert "The video is made" in error.hint


async def test_what_is_no_video_does_not_become_a_file(studio: Studio) -> None:
    studio.jobs.video = b'{"detail": "not a video at all"}' * 50
    assert (await studio.fail()).kind is Kind.NOT_AN_API
    studio.jobs.video = b"\0\0\0"
    assert (await studio.fail()).kind is Kind.NOT_AN_API


async def test_a_video_without_end_is_stopped(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "openai" if isinstance(studio.server, OpenAIServer) else "google"
    monkeypatch.setattr(f"companion.providers.vendors.{name}.video.MOST_VIDEO", 10_000)
    assert "more than an answer can be" in (await studio.fail()).message


async def test_a_file_that_cannot_be_written_is_told_before_anything_is_paid(
    studio: Studio, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(CompanionError) as caught:
        await studio.film(out=tmp_path / "taken" / "lake.mp4")
    assert caught.value.kind is Kind.BAD_FILE
    with pytest.raises(CompanionError):
        await studio.film(out=tmp_path)
    assert not studio.server.requests


async def test_a_failed_job_is_the_error_it_names(tmp_path: Path) -> None:
    async with OpenAIServer() as server, OpenAIProvider(base_url=server.url, api_key=KEY) as provider:
        provider.policy = QUICK
        studio = Studio(provider, server, tmp_path / "lake.mp4")
        studio.jobs.outcome = "failed"
        assert (await studio.fail()).kind is Kind.UNAVAILABLE
        studio.jobs.error = {"code": "content_policy_violation", "message": "No."}
        assert isinstance(await studio.fail(), AIProviderContentRefusedError)
        studio.jobs.outcome = "vanished"
        server.jobs.videos.clear()


@pytest.mark.parametrize(
    ("scripted", "kind"),
    [
        ({"outcome": "failed"}, Kind.UNAVAILABLE),
        ({"outcome": "cancelled"}, Kind.UNAVAILABLE),
        (
            {"outcome": "incomplete", "errors": [{"code": "RESOURCE_EXHAUSTED", "message": "Slow."}]},
            Kind.RATE_LIMITED,
        ),
        ({"step_error": {"code": 3, "message": "Blocked by safety filters."}}, Kind.CONTENT_REFUSED),
        ({"step_error": {"code": 8, "message": "Quota."}}, Kind.RATE_LIMITED),
        ({"speaks": "I would rather talk."}, Kind.EMPTY_REPLY),
    ],
)
async def test_what_google_makes_no_video_of(scripted: dict[str, Any], kind: Kind, tmp_path: Path) -> None:
    async with GoogleServer() as server, GoogleProvider(base_url=server.url, api_key=KEY) as provider:
        provider.policy = QUICK
        for name, value in scripted.items():
            setattr(server.videos, name, value)
        assert (await Studio(provider, server, tmp_path / "lake.mp4").fail()).kind is kind


async def test_google_may_put_the_video_into_the_answer(tmp_path: Path) -> None:
    async with GoogleServer() as server, GoogleProvider(base_url=server.url, api_key=KEY) as provider:
        provider.policy = QUICK
        server.videos.is_inline = True
        await provider.generate_video("A lake.", tmp_path / "lake.mp4")
    assert (tmp_path / "lake.mp4").read_bytes() == MP4


async def test_the_key_goes_to_no_address_an_answer_names(tmp_path: Path) -> None:
    async with (
        GoogleServer() as server,
        GoogleServer() as elsewhere,
        GoogleProvider(base_url=server.url, api_key=KEY) as provider,
    ):
        provider.policy = QUICK
        server.videos.uri = elsewhere.url + "/v1/files/{name}:download?alt=media"
        await provider.generate_video("A lake.", tmp_path / "lake.mp4")
        assert not elsewhere.requests


@pytest.mark.parametrize(
    ("size", "shape", "step"),
    [
        ("1280x720", "16:9", "720p"),
        ("1080x1920", "9:16", "1080p"),
        ("3840x2160", "16:9", "4k"),
        ("300x400", "9:16", "360p"),
    ],
)
def test_a_size_becomes_the_nearest_google_has(size: str, shape: str, step: str, tmp_path: Path) -> None:
    form = video_body(VideoRequest(prompt="x", out=tmp_path, size=size, seconds=5), "m")["response_format"]
    assert (form["aspect_ratio"], form["resolution"], form["duration"]) == (shape, step, "5s")


# -- who can, and what it costs -------------------------------------------------------------------------------


async def test_who_makes_no_videos_says_so(tmp_path: Path) -> None:
    asked = VideoRequest(prompt="A lake.", out=tmp_path / "x.mp4", model="any")
    able = {spec.name for spec in registry.with_role(Role.FILMS)}
    assert able == {"openai", "google", "mock"}
    for spec in registry.specs():
        if spec.name in able or (spec.own_address and spec.needs_key):
            continue
        async with registry.provider_class(spec.name)(api_key=KEY if spec.needs_key else None) as provider:
            with pytest.raises(AIProviderNotSupportedError, match="videos"):
                await anext(provider.film(asked))
    async with OpenAIProvider(api_key=KEY) as provider:
        with pytest.raises(AIProviderNotSupportedError, match="any more"):
            await anext(provider.film(replace(asked, model="")))


async def test_a_video_is_paid_by_its_tokens_or_its_seconds(studio: Studio) -> None:
    studio.provider.budget = budget = Budget(MemoryPurse())
    if isinstance(studio.server, OpenAIServer):
        await studio.film(seconds=8)
        assert budget.spent_usd == pytest.approx(0.8)
    else:
        studio.server.script.models = ["gemini-omni-1.1-flash"]
        await studio.film(model="gemini-omni-1.1-flash")
        assert budget.spent_usd == pytest.approx((12 * 1.5 + 57_920 * 17.5) / 1e6)
    assert not budget.unpriced


async def test_one_that_failed_is_free_and_one_given_up_is_not_known_to_be(studio: Studio) -> None:
    studio.provider.budget = budget = Budget(MemoryPurse())
    studio.jobs.outcome = "failed"
    await studio.fail()
    assert (budget.spent_usd, budget.unpriced) == (0.0, 0)
    studio.jobs.looks = 1000
    progress = studio.provider.stacked(studio.provider.film)(studio.request())
    await anext(progress)
    await progress.aclose()
    assert (budget.spent_usd, budget.unpriced) == (0.0, 1)


async def test_a_vendors_own_pace_is_kept(tmp_path: Path) -> None:
    async with OpenAIServer() as server, OpenAIProvider(base_url=server.url, api_key=KEY) as provider:
        provider.policy = replace(QUICK, poll_s=1000.0)
        server.jobs.poll_after_ms, server.jobs.looks = "1", 3
        async with asyncio.timeout(5):
            await provider.generate_video("A lake.", tmp_path / "lake.mp4", model="sora-2")


async def test_a_program_asks_for_a_video(tmp_path: Path) -> None:
    heard: list[VideoProgress] = []
    mock = MockAIProvider()
    client = Client(mock)
    video = await client.generate_video("a lake", tmp_path / "lake.mp4", seconds=5, on_progress=heard.append)
    assert video.path.read_bytes()[4:8] == b"ftyp"
    assert [each.share for each in heard] == [0, 0.5, 1, 1]
    assert mock.call_history[0]["method"] == "film"
    with pytest.raises(AIProviderInvalidRequestError):
        await client.generate_video(" ", tmp_path / "x.mp4")
    mock.failure = AIProviderEmptyReplyError()
    with pytest.raises(AIProviderEmptyReplyError):
        await client.generate_video("a lake", tmp_path / "x.mp4")
