"""Runs by id: any name, never a path, never out of the folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ddpm.runs import RunFolder
from ddpm.studio.refusals import RefusalError
from ddpm.studio.run_index import RunIndex, run_id, shown_name

AddRun = Callable[..., Path]
HOSTILE_NAMES = [
    "<script>alert(1)</script>".replace("/", "|"),
    "two\nlines",
    "\u202egnp.exe",
    "ü x",
    "-rf",
]
TRAVERSALS = [
    "..", ".",
    "../runs/a", "a/../a", "a/", "/etc", "C:\\", "a\\b", "%2e%2e", "a\0", "~", "", "~..", "a" * 200,
]  # fmt: skip


def test_a_plain_name_is_its_own_id(add_run: AddRun, runs: Path) -> None:
    add_run("mnist-2.b")
    assert RunIndex(runs).get("mnist-2.b").root == runs / "mnist-2.b"


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_any_other_name_has_an_id_of_plain_characters(
    name: str, add_run: AddRun, runs: Path
) -> None:
    add_run(name)
    (id,) = RunIndex(runs).runs()
    assert id == run_id(name) and id.removeprefix("~").isalnum()
    run = RunIndex(runs).get(id)
    assert run.root.name == name and shown_name(run).isprintable()


@pytest.mark.skipif(os.name == "nt", reason="file names are text on Windows")
def test_a_name_that_is_no_text_has_an_id(add_run: AddRun, runs: Path) -> None:
    add_run(os.fsdecode(b"caf\xe9"))
    (run,) = RunIndex(runs).runs().values()
    assert shown_name(run) == "caf\\udce9"


@pytest.mark.parametrize("id", TRAVERSALS)
def test_a_path_is_no_id(id: str, add_run: AddRun, runs: Path) -> None:
    add_run("a")
    with pytest.raises(RefusalError) as error:
        RunIndex(runs).get(id)
    assert error.value.status == 404


def test_a_link_out_of_the_folder_is_no_run(add_run: AddRun, runs: Path, workplace: Path) -> None:
    outside = workplace / "outside"
    shutil.move(add_run("a"), outside)
    (runs / "link").symlink_to(outside, target_is_directory=True)
    (runs / "loop").symlink_to("loop")
    assert RunIndex(runs).runs() == {}
    assert list(RunIndex(runs, [workplace]).runs()) == ["link"]  # unless its place is allowed


def test_a_picture_is_a_picture_inside_its_run(add_run: AddRun, runs: Path) -> None:
    index, run = RunIndex(runs), RunFolder(add_run("a"))
    secret = runs / "secret.png"
    secret.write_bytes(b"\x89PNG\r\n\x1a\n secret")
    run.sample_grid.symlink_to(secret)
    run.loss_plot.write_text("<svg onload=alert(1)>", "utf-8")
    run.denoising.write_bytes(b"GIF89a...")
    for path in (run.sample_grid, run.loss_plot, run.preview(3), run.root):
        with pytest.raises(RefusalError):
            index.picture(run, path)
    assert index.picture(run, run.denoising) == (b"GIF89a...", "image/gif")


def test_a_picture_that_links_to_itself_is_none(add_run: AddRun, runs: Path) -> None:
    run = RunFolder(add_run("a"))
    run.sample_grid.unlink(missing_ok=True)
    run.sample_grid.symlink_to(run.sample_grid.name)
    with pytest.raises(RefusalError):
        RunIndex(runs).picture(run, run.sample_grid)


@pytest.mark.parametrize("name", [*TRAVERSALS[:-1], "-x", ".studio", *HOSTILE_NAMES])
def test_a_new_run_has_a_plain_name(name: str, runs: Path) -> None:
    with pytest.raises(RefusalError) as error:
        RunIndex(runs).free_folder(name)
    assert error.value.status == 422


def test_a_new_run_takes_no_place_that_is_taken(runs: Path) -> None:
    (runs / "taken").symlink_to("nowhere")
    with pytest.raises(RefusalError) as error:
        RunIndex(runs).free_folder("taken")
    assert error.value.status == 409
    assert RunIndex(runs).free_folder("free") == runs / "free"
