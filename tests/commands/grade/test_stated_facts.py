"""Facts and sources that a hand-in states: read from its files, with the place as evidence."""

from __future__ import annotations

import json
import zlib

import pytest

from ddpm.commands.grade.stated_facts import cited_sources, pdf_parts, training_facts
from ddpm.config import Config, with_overrides

METHOD, IMAGES = b"arXiv:2006.11239", b"http://yann.lecun.com/exdb/mnist"


def config(*changes: str) -> bytes:
    return json.dumps(with_overrides(Config(), [*changes]).to_dict()).encode()


def test_training_is_read_from_the_configurations_and_the_readme() -> None:
    readme = b"mnist: DDPM, preset mnist, 900 steps of 64 images, 9.5 minutes\n"
    files = {
        "readme.txt": readme,
        "source/runs/mnist/config.json": config("training.steps=900", "training.batch_size=64"),
        "source/runs/mine/config.json": config("data.size=64", "training.steps=10"),
        "source/runs/gan/config.json": config("model=dcgan", "data.size=64"),
    }
    facts = training_facts(files)
    assert facts["mnist"] == {
        "preset": "", "steps": 900, "batch_size": 64, "images_seen": 57600, "minutes": 9.5,
    } | {"preset": facts["mnist"]["preset"]}  # fmt: skip
    assert facts["anime"]["steps"] == 10 and facts["anime"]["minutes"] is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"training": 3}', b"\xff\xfe", b"[" * 99999])
def test_a_damaged_configuration_states_nothing(content: bytes) -> None:
    assert training_facts({"source/runs/mnist/config.json": content}) == {}


def test_sources_are_found_in_texts_and_in_the_report() -> None:
    assert cited_sources({"readme.txt": METHOD + IMAGES}, "r.pdf") == (
        "right", "names the method in readme.txt, the images in readme.txt",
    )  # fmt: skip
    packed = (
        b"%PDF-1.7 stream\n" + zlib.compress(b"/URI (" + METHOD + b") " + IMAGES) + b"endstream"
    )
    assert cited_sources({"r.pdf": packed}, "r.pdf")[0] == "right"


def test_a_missing_source_is_wrong_only_where_no_report_could_name_it() -> None:
    state, text = cited_sources({"readme.txt": METHOD}, "r.pdf")
    assert (state, text) == ("wrong", "names the method in readme.txt; the images not found")
    state, text = cited_sources({"readme.txt": METHOD, "r.pdf": b"%PDF"}, "r.pdf")
    assert state == "not verifiable" and "look into r.pdf" in text


def test_sources_inside_the_package_ddpm_are_not_the_students() -> None:
    files = {"source/ddpm/documents/citations.py": METHOD + IMAGES}
    assert cited_sources(files, "r.pdf")[0] == "wrong"


def test_a_bomb_in_a_pdf_is_unpacked_within_limits() -> None:
    bomb = b"%PDF stream\n" + zlib.compress(bytes(200 << 20), 9)
    assert sum(map(len, pdf_parts(bomb * 20))) < 64 << 20
