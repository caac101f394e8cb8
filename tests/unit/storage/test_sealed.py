"""Files that carry their own checksum."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pellucid.errors import StorageError
from pellucid.storage import sealed

DOCUMENT = {"name": "nan", "values": [1, 2.5, None], "nested": {"a": "ü", "b": [True]}}
TENSORS = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array(3, np.int64), "empty": np.zeros((0, 2))}
quiet = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_json_comes_back_as_it_was_with_the_floats_that_json_lacks(tmp_path: Path) -> None:
    sealed.write_json(tmp_path / "a.json", {**DOCUMENT, "bad": [math.nan, math.inf, -math.inf]})
    found = sealed.read_json(tmp_path / "a.json")
    bad = found.pop("bad")
    assert found == DOCUMENT
    assert math.isnan(bad[0])
    assert bad[1:] == [math.inf, -math.inf]


def test_tensors_come_back_with_type_shape_and_bytes(tmp_path: Path) -> None:
    sealed.write_tensors(tmp_path / "a.safetensors", TENSORS, {"word": "x"})
    found, metadata = sealed.read_tensors(tmp_path / "a.safetensors")
    assert metadata == {"word": "x"}
    assert found.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


def test_the_same_tensors_with_the_same_metadata_are_the_same_bytes(tmp_path: Path) -> None:
    metadata = {"epoch": "3", "progress": "é", "a": "b", "z": ""}
    for k in range(8):  # safetensors orders metadata anew in every call
        sealed.write_tensors(tmp_path / str(k), {"x": np.arange(3)}, metadata)
    assert len({(tmp_path / str(k)).read_bytes() for k in range(8)}) == 1
    tensors, found = sealed.read_tensors(tmp_path / "0")
    assert found == metadata and (tensors["x"] == np.arange(3)).all()


def test_the_same_tensors_are_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    sealed.write_tensors(tmp_path / "a", TENSORS, {})
    sealed.write_tensors(tmp_path / "b", dict(reversed(TENSORS.items())), {})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@quiet
@given(st.data())
def test_a_flipped_or_cut_document_is_found_out_or_means_the_same(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "a.json"
    sealed.write_json(path, DOCUMENT)
    path.write_bytes(damaged(path.read_bytes(), data))
    try:
        assert sealed.read_json(path) == DOCUMENT
    except StorageError as error:
        assert "checksum" in str(error)


@quiet
@given(st.data())
def test_flipped_or_cut_tensors_are_found_out_or_are_the_same(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "a.safetensors"
    sealed.write_tensors(path, TENSORS, {"word": "x"})
    path.write_bytes(damaged(path.read_bytes(), data))
    try:
        found, metadata = sealed.read_tensors(path)
    except StorageError as error:
        assert str(path) in str(error)
        return
    assert metadata == {"word": "x"}
    assert {name: array.tobytes() for name, array in found.items()} == {
        name: array.tobytes() for name, array in TENSORS.items()
    }


def damaged(content: bytes, data: st.DataObject) -> bytes:
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        return content[:place]
    changed = bytearray(content)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    return bytes(changed)


def test_a_line_cut_short_at_the_end_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for number in range(3):
        sealed.append_line(path, {"epoch": number})
    path.write_bytes(path.read_bytes()[:-5])
    assert sealed.read_lines(path) == [{"epoch": 0}, {"epoch": 1}]


def test_a_changed_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for number in range(3):
        sealed.append_line(path, {"epoch": number})
    path.write_bytes(path.read_bytes().replace(b'"epoch": 1', b'"epoch": 7'))
    with pytest.raises(StorageError, match="line 2 does not match its checksum"):
        sealed.read_lines(path)
