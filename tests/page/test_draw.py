"""Draw: live images, steps back, files to take away, settings restored, a reload in the middle."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, expect


def draw(page: Page) -> None:
    """Press Draw and wait until all images are there."""
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_role("link", name="Save grid as PNG")).to_have_attribute(
        "href", re.compile("grid.png")
    )


def params(page: Page) -> dict[str, str]:
    """Return the settings in the address."""
    query = page.url.partition("?")[2]
    return dict(pair.split("=", 1) for pair in query.split("&"))


def save(page: Page, name: str, path: Path) -> Path:
    """Click a link and keep the file that it offers."""
    with page.expect_download() as download:
        page.get_by_role("link", name=name).first.click()
    download.value.save_as(path)
    return path


def test_images_appear_and_can_be_stepped_back(reader: Any) -> None:
    page = reader.open("draw?model=run:small&n=9&seed=3&steps=5&sampler=ddim")
    expect(page.get_by_text("Press Draw.")).to_be_visible()
    draw(page)
    slider = page.get_by_role("slider", name="Step")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("step 5 of 5"))
    page.get_by_role("button", name="Step back").click()
    expect(slider).to_have_attribute(
        "aria-valuetext", re.compile(r"step 4 of 5, t = \d+, log-SNR -?[\d.]+")
    )
    assert params(page)["frame"] == "4"
    slider.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("step 3 of 5"))
    seeds = page.get_by_role("group", name="x_t of 9 images").get_by_role("button")
    assert [button.get_attribute("aria-label") for button in seeds.all()] == [
        f"seed {seed}" for seed in range(3, 12)
    ]


def test_a_grid_a_gif_and_the_command_can_be_taken_away(reader: Any, tmp_path: Path) -> None:
    page = reader.open("draw?model=run:small&n=4&seed=7&steps=5&sampler=ddim")
    draw(page)
    with Image.open(save(page, "Save grid as PNG", tmp_path / "grid.png")) as grid:
        assert grid.format == "PNG"
    with Image.open(save(page, "Save GIF", tmp_path / "steps.gif")) as animation:
        assert animation.n_frames > 2
    command = page.get_by_role("group", name="Command").locator("code").inner_text()
    assert command.startswith("ddpm sample ")
    assert "--seed 7" in command
    assert "-n 4" in command


def test_an_image_is_picked_by_keyboard_kept_and_restores_its_settings(
    reader: Any, tmp_path: Path
) -> None:
    page = reader.open("draw?model=run:small&n=4&seed=7&steps=5&sampler=ddim")
    draw(page)
    first = page.get_by_role("group", name="predicted x0 of 4 images").get_by_role("button").first
    first.press("ArrowRight")
    page.keyboard.press("Enter")
    picked = page.get_by_role("region", name="Picked image")
    expect(picked.get_by_role("heading")).to_have_text("Seed 8")
    page.set_viewport_size({"width": 360, "height": 740})
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]  # nothing to scroll sideways
    picked.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("region", name="Kept images").get_by_role("img")).to_have_count(1)
    image = save(page, "Save PNG", tmp_path / "image.png")
    picked.get_by_role("button", name="Enlarge", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.goto(f"{reader.server.base}#/draw?model=bundled:digits")
    page.locator("input[type=file]").set_input_files(image)
    expect(page.get_by_text("The settings of image.png are set.")).to_be_visible()
    expect(page.get_by_label("First seed")).to_have_value("8")
    expect(page.get_by_role("spinbutton", name="Steps")).to_have_value("5")
    assert params(page)["model"] == "run%3Asmall"
    expect(page.get_by_role("region", name="Kept images").get_by_role("img")).to_have_count(1)


def test_a_reload_finds_the_running_drawing_which_can_be_cancelled(reader: Any) -> None:
    page = reader.open("draw?model=run:small&n=64&sampler=ancestral&steps=900")
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_role("button", name="Cancel")).to_be_enabled()
    page.reload()
    expect(page.get_by_role("button", name="Cancel")).to_be_enabled()
    expect(page.get_by_role("link", name=re.compile("^drawing"))).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_disabled()
    expect(page.get_by_role("group", name="Working now")).to_have_text("idle")


def test_two_settings_against_each_other(reader: Any, tmp_path: Path) -> None:
    page = reader.open("draw?model=run:small&gx=steps&xs=2,4&gy=sampler&ys=ddim,heun")
    page.get_by_role("button", name="Draw the grid").click()
    cells = page.get_by_role("region", name="X/Y grid, scrolls").get_by_role("img")
    expect(cells).to_have_count(4)
    names = [cell.get_attribute("alt") for cell in cells.all()]
    assert names[:2] == ["steps 2, sampler ddim", "steps 4, sampler ddim"]
    page.reload()
    expect(cells).to_have_count(4)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as PNG").click()
    download.value.save_as(tmp_path / "xy.png")
    with Image.open(tmp_path / "xy.png") as picture:
        assert picture.format == "PNG"


def test_a_refusal_is_the_servers_sentence(reader: Any) -> None:
    page = reader.open("draw?model=run:small&label=nothing&n=1")
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("nothing")


def test_images_follow_the_settings_if_the_reader_wants(reader: Any) -> None:
    page = reader.open("draw?model=run:small&n=1&steps=2&sampler=ddim")
    page.get_by_role("checkbox", name="Draw while I change settings").check()
    command = page.get_by_role("group", name="Command").locator("code")
    expect(command).to_contain_text("ddpm sample")
    page.get_by_label("First seed").fill("41")
    expect(command).to_contain_text("--seed 41")
    expect(
        page.get_by_role("group", name="predicted x0 of 1 images").get_by_role("button")
    ).to_have_attribute("aria-label", "seed 41")


def test_a_full_queue_is_said_on_the_page(reader: Any) -> None:
    page = reader.open("draw?model=run:small&n=1&steps=2&sampler=ddim")
    slow = {"model": "run:small", "n": 25, "sampler": "ancestral", "steps": 900}
    address = f"{reader.server.base}api/draw-grids"
    waiting = [page.request.post(address, data=[slow] * count).json() for count in (36, 29)]
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("64 jobs are waiting already")
    expect(page.get_by_role("link", name="drawing, 64 waiting")).to_be_visible()
    for job in reversed([job for jobs in waiting for job in jobs]):
        page.request.post(f"{reader.server.base}api/draws/{job['id']}/cancel", data={})
    expect(page.get_by_role("group", name="Working now")).to_have_text("idle")
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_role("alert")).to_have_count(0)
