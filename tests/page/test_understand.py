"""The Understand view in a real browser: numbers of the library, links, keyboard, accessibility."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect

from ddpm.diffusion.levels import Levels
from ddpm.diffusion.samplers import SAMPLERS, Prediction, SamplerOptions
from ddpm.diffusion.schedules import make_schedule

TABS = ["tour", "forward", "training", "reverse", "mistakes", "toy"]
MODEL = "bundled:digits"
SECONDS = 60_000  # milliseconds for the worker's first answer


def panel(page: Any, title: str) -> Any:
    return page.get_by_role("img", name=title, exact=True).first


def test_moving_t_changes_the_numbers_and_the_address(reader: Any) -> None:
    page = reader.open(f"understand?tab=forward&model={MODEL}&t=100&image=data-0")
    panel(page, "xₜ").wait_for(timeout=SECONDS)
    slider = page.get_by_role("slider", name="Time t")
    slider.focus()
    before = panel(page, "xₜ").get_attribute("src")
    slider.press("ArrowRight")
    page.wait_for_url(re.compile("t=101"))
    expect(panel(page, "xₜ")).not_to_have_attribute("src", before)
    schedule = make_schedule("cosine", 1000)
    shown = page.get_by_text("signal, noise").locator("xpath=following-sibling::dd[1]")
    expect(shown).to_have_text(
        f"{float(schedule.signal[101]):.3g}, {float(schedule.sigma[101]):.3g}"
    )


def test_a_picture_opens_in_place_and_a_pixel_is_picked(reader: Any) -> None:
    page = reader.open(f"understand?tab=training&model={MODEL}&image=data-0&open=")
    panel(page, "error").wait_for(timeout=SECONDS)
    button = page.get_by_role("button", name="answer", exact=True)
    expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_text("output = predict(")).to_be_visible()
    panel(page, "x₀").click(position={"x": 3, "y": 3})
    page.wait_for_url(re.compile("row=0.*column=0|column=0.*row=0"))


def test_steps_go_forward_and_back_and_a_mistake_shows_beside(reader: Any) -> None:
    page = reader.open(f"understand?tab=reverse&model={MODEL}&steps=6&step=2")
    page.get_by_role("button", name="Step forward").click(timeout=SECONDS)
    page.wait_for_url(re.compile("step=3"))
    page.get_by_role("button", name="Step back").click()
    page.wait_for_url(re.compile("step=2"))
    page.get_by_label("The same step with").select_option("wrong-betas")
    expect(page.get_by_role("group", name="The same step with the mistake")).to_be_visible()
    page.get_by_role("button", name=re.compile("step 6, t = 0")).click()
    expect(page.get_by_text("→ clean image")).to_be_visible(timeout=SECONDS)


def test_the_damaged_images_stand_beside_the_sound_ones(reader: Any) -> None:
    page = reader.open(f"understand?tab=mistakes&model={MODEL}&steps=6")
    page.get_by_role("radio", name="Too few steps").check(timeout=SECONDS)
    page.wait_for_url(re.compile("mistake=few-steps"))
    sound = page.get_by_role("img", name="Correct, image 1")
    broken = page.get_by_role("img", name="Too few steps, image 1")
    sound.wait_for(timeout=SECONDS)
    broken.wait_for(timeout=SECONDS)
    assert sound.get_attribute("src") != broken.get_attribute("src")
    page.get_by_role("radio", name="Averaging off").check()
    expect(page.get_by_role("alert").first).to_contain_text("holds only averaged weights")


def test_an_image_of_the_reader_takes_part(reader: Any, encode: Any) -> None:
    page = reader.open(f"understand?tab=forward&model={MODEL}&t=0")
    page.get_by_role("button", name="training image 0").wait_for(timeout=SECONDS)
    white = encode(torch.full((16, 16), 255, dtype=torch.uint8).numpy())
    page.locator("input[type=file]").set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": white}
    )
    page.wait_for_url(re.compile("image=own-"))
    expect(page.get_by_role("button", name="your image")).to_have_attribute("aria-pressed", "true")


def test_the_tour_leads_through_ten_stations(reader: Any) -> None:
    page = reader.open("understand?tab=tour")
    page.get_by_role("link", name="Start the tour").click()
    seen = []
    for number in range(1, 11):
        bar = page.get_by_role("complementary", name="Guided tour")
        expect(bar).to_contain_text(f"Station {number} of 10", timeout=SECONDS)
        seen.append(page.url.split("#/")[1].split("?")[0])
        if number < 10:
            bar.get_by_role("link", name=re.compile("^Next")).click()
    assert set(seen) == {"understand", "runs", "compare"}


def test_the_plane_has_the_samplers_of_the_library(reader: Any) -> None:
    """One point by DDIM and by Heun in the page equals `ddpm.diffusion` with the exact denoiser."""
    page = reader.open("understand?tab=toy&data=mixture")
    page.get_by_role("button", name="Step forward").wait_for()
    found = page.evaluate(
        """async () => {
          const toy = await import("/page/parts/toy_diffusion.js");
          const data = toy.DATA.mixture.components;
          const one = (sampler) => toy.samplePaths({data, sampler, steps: 6, count: 1, seed: 4})[0];
          return {data, levels: toy.levels(6), ddim: one("ddim"), heun: one("heun")};
        }"""
    )
    signal, sigma = (
        torch.tensor([level[name] for level in found["levels"]], dtype=torch.float64)
        for name in ("signal", "sigma")
    )
    means = torch.tensor([row[:2] for row in found["data"]], dtype=torch.float64)
    spread = found["data"][0][2]
    levels = Levels(make_schedule("cosine", 10), torch.arange(6).flip(0), signal, sigma)

    def denoise(x: torch.Tensor, t: torch.Tensor) -> Prediction:
        i = 5 - int(t[0])
        point, variance = x.reshape(2), (signal[i] * spread) ** 2 + sigma[i] ** 2
        offsets = point - signal[i] * means
        weight = torch.softmax(-offsets.square().sum(1) / (2 * variance), 0)
        x0 = means + signal[i] * spread**2 / variance * offsets
        return Prediction((weight[:, None] * x0).sum(0).reshape(x.shape))

    def no_noise() -> torch.Tensor:
        raise AssertionError("a deterministic sampler asks for noise")

    for name in ("ddim", "heun"):
        start = torch.tensor(found[name][0], dtype=torch.float64).view(1, 1, 1, 2)
        steps = SAMPLERS[name](denoise, levels, start, no_noise, SamplerOptions())
        ours = torch.tensor(found[name][1:], dtype=torch.float64)
        assert torch.allclose(ours, torch.stack([s.x.flatten() for s in steps]), atol=1e-6)


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_is_accessible_wide_and_on_a_dark_phone(reader: Any, tab: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for scheme, size in (("light", (1280, 900)), ("dark", (360, 740))):
        page = reader.open(
            f"understand?tab={tab}&model={MODEL}&station=1", look=scheme, size=size, bypass_csp=True
        )
        page.get_by_role("heading", level=1, name="Understand").wait_for()
        if tab not in ("tour", "toy"):
            page.locator("img.pixels").first.wait_for(timeout=SECONDS)
        found = axe.run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
        assert found.response["violations"] == [], found.generate_report()
        widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert widths[0] <= widths[1]  # nothing to scroll sideways
