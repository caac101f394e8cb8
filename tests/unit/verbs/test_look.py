"""Looking by words: the right images, options and errors for runs and for strangers' networks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import pellucid as pl
from pellucid import catalog
from pellucid.cli import run as command
from pellucid.displays.display import plain
from pellucid.errors import SpecError, UsageError
from pellucid.verbs.look import _one_a_class, foreign, layer_table, look, read_options, way_table
from pellucid.verbs.run import Run
from pellucid.verbs.train import train

STRANGER = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 10))

number = 3
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(
        "one_conv", "digits", size=16, epochs=1, subset=200, precision="fp32", threads=1, pictures=False,
        runs=tmp_path_factory.mktemp("runs"),
    )  # fmt: skip


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(STRANGER)
    return path


def pellucid(*words: object, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["pellucid", *map(str, words)])
    return command()


def test_ways_that_draw_images_get_one_of_each_class_and_others_the_split(run: Run) -> None:
    maps = look(run, "gradient")
    assert len(maps.array) == 10  # type: ignore[attr-defined]
    images = _one_a_class(run.images(), 13)
    assert images.labels.tolist() == [*range(10), 0, 1, 2]
    assert "300 images" in look(run, "activation_statistics").title
    assert "200 images" in look(run, "activation_statistics", split="train").title


def test_images_are_chosen_by_number_and_by_file(run: Run, tmp_path: Path) -> None:
    from PIL import Image

    maps = look(run, "gradient", images=[5, "7"], target=[1, 2])
    assert np.array_equal(maps.images, run.images().pixels[[5, 7]])  # type: ignore[attr-defined]
    Image.fromarray(run.images().pixels[3, :, :, 0]).save(tmp_path / "3.png")
    maps = look(run, "gradient", images=[tmp_path / "3.png"])
    assert np.array_equal(maps.images[0], run.images().pixels[3])  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match=r"image: expected a number from 0 to 299 \(split test\), found 300"):
        look(run, "gradient", images=[300])
    with pytest.raises(
        UsageError, match=r"numbers of images or files, found both\. Give numbers alone or files alone\.$"
    ):
        look(run, "gradient", images=[0, tmp_path / "3.png"])


def test_one_view_needs_no_list(run: Run) -> None:
    negatives = run.images(views="negative").pixels
    assert np.array_equal(negatives, run.images(views=["negative"]).pixels)
    assert np.array_equal(negatives, pl.data("digits", size=16, subset=200, views="negative").test.pixels)
    assert run.evaluate(views="negative").loss == run.evaluate(views=("negative",)).loss


def test_options_are_those_of_the_way(run: Run) -> None:
    with pytest.raises(UsageError, match=r"unknown option of top_patches 'layers'. Did you mean layer"):
        look(run, "top_patches", layers=("conv1",))
    with pytest.raises(UsageError, match=r"unknown way of looking 'top_patch'. Did you mean top_patches"):
        look(run, "top_patch")
    assert read_options("top_patches", {"k": "4", "channel": [1, 2], "layer": "conv1"}) == {
        "k": 4, "channels": (1, 2), "layer": "conv1",
    }  # fmt: skip
    assert read_options("gradient", {"channel": [3], "place": "(1, 2)", "twin": "True"}) == {
        "channel": 3, "place": (1, 2), "twin": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("way", "options", "told"),
    [
        ("maximise", {"steps": "ten"}, "maximise, steps: found 'ten'"),
        ("maximise", {"rate": float("nan")}, "rate: found nan. Input should be a finite number"),
        ("gradient", {"place": "x"}, "place: found 'x'"),
        ("deconvnet", {"others": "both"}, "'refuse' or 'gradient'"),
        ("smoothgrad", {"seed": -1}, "greater than or equal to 0"),
        ("blame", {"n": 0}, "greater than or equal to 1"),
        ("top_patches", {"channels": "3"}, "not allowed as a Sequence"),
        ("shifts", {"kinds": "negative"}, "shifts, kinds: found 'negative'. Input should be a valid tuple"),
    ],
)
def test_an_option_of_another_type_than_the_signature_says_is_refused(
    run: Run, way: str, options: dict[str, object], told: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        look(run, way, **options)


def test_channels_may_be_an_array(run: Run) -> None:
    chosen, same = look(run, "top_patches", channels=np.array([2, 0])), look(run, "top_patches", channels=(2, 0))
    assert plain(chosen.to_dict()) == plain(same.to_dict())


def test_kinds_of_shifts_may_be_a_list(run: Run) -> None:
    assert look(run, "shifts", kinds=["negative"], n=9).names == ("negative",)  # type: ignore[attr-defined]


def test_a_module_needs_images_and_takes_any_way(stranger: Path, run: Run) -> None:
    module = foreign(f"{stranger}:Net")
    with pytest.raises(UsageError, match="expected images beside a module, found none"):
        look(module, "gradient")
    floats = torch.rand(2, 1, 8, 8)
    assert look(module, "gradient", images=floats, target=1).array.shape == (2, 1, 8, 8)  # type: ignore[attr-defined]


def test_a_strangers_file_and_weights_are_read_or_refused(stranger: Path, tmp_path: Path) -> None:
    module = foreign(f"{stranger}:Net")
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    again = foreign(f"{stranger}:Net", weights=tmp_path / "w.safetensors")
    assert all(torch.equal(value, module.state_dict()[key]) for key, value in again.state_dict().items())
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(SpecError, match="expected the weights of Net, found others"):
        foreign(f"{stranger}:Net", weights=tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    with pytest.raises(SpecError, match="expected a safetensors file"):
        foreign(f"{stranger}:Net", weights=tmp_path / "broken.safetensors")
    with pytest.raises(UsageError, match=r"unknown module 'Nets'. Did you mean Net"):
        foreign(f"{stranger}:Nets")
    with pytest.raises(UsageError, match=r"expected FILE.py:NAME"):
        foreign("net:Net")
    with pytest.raises(UsageError, match="expected number to be or to make"):
        foreign(f"{stranger}:number")


def test_tables_list_every_way_and_layer(run: Run) -> None:
    assert [row[0] for row in way_table().rows] == list(catalog.names("inspection"))
    assert layer_table(run).rows[0] == ("conv1", "Conv2d", "28x14x14", "3x3")


def test_the_command_writes_a_picture_and_tells_where(
    run: Run, stranger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = ["--runs", run.path.parent]
    assert pellucid("look", run.id, *runs, monkeypatch=monkeypatch) == 0
    assert "top_patches" in capsys.readouterr().out
    assert (
        pellucid("look", "last", "top-patches", "--channel", "2", "--option", "k=3", *runs, monkeypatch=monkeypatch)
        == 0
    )
    path = Path(capsys.readouterr().out.strip())
    assert path == run.path / "looks" / "top_patches-2.png" and path.read_bytes().startswith(b"\x89PNG")
    words = ["--image", "0", "--target", "3", "--json", "--output", "g.svg"]
    assert pellucid("look", "last", "gradient", *words, *runs, monkeypatch=monkeypatch) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["picture"] == "g.svg" and (tmp_path / "g.svg").read_text().startswith("<svg")
    assert np.array(found["data"]["array"]).shape == (1, 1, 16, 16)
    words = ["--model", f"{stranger}:Net", "--data", "digits", "--image", "4", "gradient"]
    assert pellucid("look", *words, monkeypatch=monkeypatch) == 0
    assert (tmp_path / "gradient.png").is_file()
    for words, code in (
        (["last", "gradient", "--target", "x", *runs], 2),
        (["last", "gradient", "--option", "k", *runs], 2),
        (["--model", f"{stranger}:Net", "gradient"], 2),
        (["last", "filtres", *runs], 2),
    ):
        capsys.readouterr()
        assert pellucid("look", *words, monkeypatch=monkeypatch) == code, capsys.readouterr().err


def test_weights_of_every_epoch_are_kept_where_asked_for_and_looked_at(run: Run, tmp_path: Path) -> None:
    kept = train(
        "one_conv", "digits", size=16, epochs=3, subset=200, precision="fp32", threads=1, pictures=False,
        runs=tmp_path, checkpoints=True,
    )  # fmt: skip
    assert kept.folder.epochs() == [0, 1, 2, 3]
    last, third = kept.folder.load_weights("last"), kept.folder.load_epoch(3)
    assert all(np.array_equal(third[name], last[name]) for name in last)
    found = look(kept, "evolution", channels=(0, 1))
    assert found.epochs == (0, 1, 2, 3)  # type: ignore[attr-defined]
    assert "Over the training" in [one.title.partition(";")[0] for one in look(kept, "filters").displays]  # type: ignore[attr-defined]
    assert look(run, "evolution").epochs == (0, 1)  # type: ignore[attr-defined]
    assert len(look(run, "filters").displays) == 2  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="was trained without them"):
        train(
            "one_conv", "digits", size=16, epochs=1, subset=200, precision="fp32", threads=1, pictures=False,
            runs=run.path.parent, checkpoints=True,
        )  # fmt: skip


def test_two_runs_are_matched_and_drawn_side_by_side(run: Run) -> None:
    pairs = look(run, "match", other=run).pairs  # type: ignore[attr-defined]
    assert all(c == p and value == pytest.approx(1) for c, p, value in pairs)
    both = look(run, "feature_maps", other=run, images=[0]).to_dict()
    assert len(both["layers"]) == len(both["other_layers"]) > 3
    with pytest.raises(UsageError, match="expected a second network to compare with"):
        look(run, "match")


def test_runs_of_the_engine_by_hand_are_looked_at_like_others(tmp_path: Path) -> None:
    made = train("one_conv", "digits", size=16, epochs=1, subset=200, engine="scratch", pictures=False, runs=tmp_path,
                 checkpoints=True)  # fmt: skip
    maps = look(made, "gradient", images=[0, 1], target=3)
    assert maps.array.shape == (2, 1, 16, 16) and maps.array.any()  # type: ignore[attr-defined]
    assert look(made, "top_patches", k=2).channels and look(made, "evolution").epochs == (0, 1)  # type: ignore[attr-defined]
    assert "conv1" in layer_table(made).text()
    begun = set(tmp_path.iterdir())
    with pytest.raises(UsageError, match="engine scratch"):
        train("one_conv", "digits", size=16, engine="scratch", precision="bf16", pictures=False, runs=tmp_path)
    assert set(tmp_path.iterdir()) == begun, "what is refused leaves no run"


def test_what_a_run_or_a_module_does_not_take_is_refused(
    run: Run, stranger: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--runs", run.folder.path.parent)
    own = ("--model", f"{stranger}:Net", "--data", "digits")
    for words, told in (
        (("look", run.id, "filters", "--view", "negative", *where), "beside --model alone"),
        (("look", run.id, "filters", "--data", "mnist", *where), "beside --model alone"),
        (
            ("look", "gradient", *own, "--image", "digit.png"),
            "expected a number from 0 to 299 (split test), found digit",
        ),
        (("look", "gradient", *own, "--image", "300"), "found 300"),
        (("curves", run.id, "--spread", "--by", "step", *where), "expected --by, --spread with a study, found"),
    ):
        assert pellucid(*words, monkeypatch=monkeypatch) == 2, words
        assert told in " ".join(capsys.readouterr().err.split())
