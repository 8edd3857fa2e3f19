"""The page draws in a real browser, from disk and without a network, what `ddpm sample` draws."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from ddpm.commands.export import page_file
from ddpm.commands.export.browser_runtime import FILES, VERSION, runtime_files
from ddpm.commands.export.export_request import ExportRequest
from ddpm.commands.export.page_file import PARTS, page_tables, page_text, write_page
from ddpm.config import SamplingConfig
from ddpm.data.catalogue import cache_dir
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.base import as_diffusion
from ddpm.models.ddpm import Ddpm
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.samples import sample_images
from tests.commands.export.exported_students import self_conditioned, small_student

CHROMIUM = shutil.which("chromium")
CACHE = cache_dir(dict(os.environ))  # of the user, before the tests have one of their own
SCALE, GAP = 10, 2  # of 8x8 images on the page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(offline=True)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def runtime() -> Path:
    folder = CACHE / "onnxruntime-web" / VERSION
    if not all((folder / name).is_file() for name in FILES):
        pytest.skip("onnxruntime-web is not in the cache: run ddpm export digits --to page once")
    return folder


def wait_until_drawn(page: Page) -> None:
    page.get_by_text("Drawn: seed").wait_for(timeout=120_000)


def cells(page: Page, canvas: str, count: int) -> np.ndarray:
    """The first images on a canvas, uint8 [count, 8, 8]."""
    width, height, data = page.evaluate(
        "id => { const c = document.getElementById(id);"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height);"
        "return [c.width, c.height, Array.from(d.data)]; }",
        canvas,
    )
    pixels = np.array(data, dtype=np.uint8).reshape(height, width, 4)[..., 0]
    columns, step = (width + GAP) // (8 * SCALE + GAP), 8 * SCALE + GAP
    places = [(i // columns * step, i % columns * step) for i in range(count)]
    return np.stack(
        [pixels[y : y + 8 * SCALE : SCALE, x : x + 8 * SCALE : SCALE] for y, x in places]
    )


def expected(count: int, label: str | None = None, **settings: Any) -> np.ndarray:
    model = as_diffusion(open_model("bundled:digits", "cpu").model)
    assert model is not None
    model.precision = "fp32"
    chosen = SamplingConfig(**settings) if settings else model.spec.config.sampling
    labels = choose_labels(model, range(count), label)
    with torch.no_grad():
        return sample_images(model, range(count), labels, chosen)[:, 0].astype(int)


def test_it_draws_what_ddpm_draws(page: Page, runtime: Path, workplace: Path) -> None:
    path = workplace / "digits.html"
    request = ExportRequest("bundled:digits", "page", runtime=runtime, beside="bundled:digits")
    write_page(open_model("bundled:digits", "cpu"), request, path)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{path.as_uri()}#count=4")
    wait_until_drawn(page)
    for canvas in ("canvas-0", "canvas-1"):  # two models side by side
        assert np.abs(cells(page, canvas, 4) - expected(4)).max() <= 2
    assert all(url.startswith(("file:", "blob:", "data:")) for url in asked)
    page.locator("#label").select_option("7")
    page.locator("#sampler").select_option("unipc")
    page.locator("#steps").select_option("6")
    page.locator("#guidance").fill("2")
    page.locator("#count").fill("2")
    page.get_by_role("button", name="Draw").click()
    page.locator("#status", has_text="Drawing").wait_for()
    wait_until_drawn(page)
    settings = {"sampler": "unipc", "steps": 6, "spacing": "compact", "guidance": 2.0}
    assert np.abs(cells(page, "canvas-0", 2) - expected(2, "7", **settings)).max() <= 2
    assert page.locator("#command").text_content() == (
        "ddpm sample bundled:digits --seed 0 -n 2 --label 7 --sampler unipc --steps 6 --guidance 2 "
        "--precision fp32"
    )
    assert "label=7" in page.url
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PNG").click()
    with Image.open(download.value.path()) as picture:
        assert picture.size[0] > 2 * 8 * SCALE
    gray = np.full((20, 30), 128, dtype=np.uint8)
    Image.fromarray(gray).save(workplace / "mine.png")
    page.locator("#picture").set_input_files(workplace / "mine.png")
    page.locator("#forward-t").fill("999")
    page.get_by_text("Time 999 of 999.").wait_for()


def test_a_browser_without_wasm_shows_the_pictures(
    browser: Browser, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = dict.fromkeys(FILES, b"no runtime")
    monkeypatch.setattr(page_file, "onnx_bytes", lambda model, half: b"no network")
    entry = page_file._Entry(open_model("bundled:digits", "cpu"), "digits")
    path = workplace / "page.html"
    path.write_text(page_text([entry], fake), "utf-8")
    context = browser.new_context(offline=True, bypass_csp=True)
    context.add_init_script("delete globalThis.WebAssembly")
    page = context.new_page()
    page.goto(path.as_uri())
    page.get_by_text("This browser lacks WebAssembly, so it cannot run the model").wait_for()
    image = page.get_by_alt_text("25 images sampled from bundled-digits, seeds 0 to 24")
    assert image.evaluate("image => image.naturalWidth") > 100
    assert page.get_by_text("CC BY 4.0", exact=True).is_visible()
    assert Axe().run(page).violations_count == 0
    context.close()


@pytest.mark.parametrize("size", [16, 17, 64, 100, 784])
@pytest.mark.parametrize("seed", [0, 7, 2**31 + 5, 2**40 + 3])
def test_the_noise_of_a_seed_is_torchs(page: Page, size: int, seed: int) -> None:
    found = run_noise(
        page, f"(g => [...normal(g, {size}), ...normal(g, {size})])(new Mt19937({seed}))"
    )
    generator = torch.Generator().manual_seed(seed)
    expected = torch.cat([torch.randn(size, generator=generator) for _ in range(2)])
    assert np.allclose(found, expected, atol=3e-6)


def test_labels_are_pythons(page: Page) -> None:
    model = open_model("bundled:digits", "cpu").model
    counts = list(model.spec.class_counts)
    for first in (0, 123_456, 2**53 - 61):
        found = run_noise(
            page, f"Array.from({{length: 60}}, (_, i) => labelOf({first} + i, {counts}))"
        )
        assert found == choose_labels(model, range(first, first + 60), None)


def run_noise(page: Page, expression: str) -> Any:
    """The value of an expression with the functions of noise.js."""
    source = (PARTS / "noise.js").read_text("utf-8").replace("export ", "")
    return page.evaluate(f"(() => {{ {source}; return {expression}; }})()")


def test_every_sampler_has_tables(small_ddpm: Callable[..., Ddpm]) -> None:
    tables, usual = page_tables(small_ddpm("sampling.sampler=ancestral"))
    deterministic = {name for name, sampler in SAMPLERS.items() if sampler.is_deterministic}
    assert set(tables) == {"own"} | deterministic
    assert set(tables["unipc"]) == {2, 4, 6, 8, 10, 15, 20}  # at most the 20 levels
    assert tables["own"] == tables["unipc"] and usual["own"] == usual["unipc"] == 15
    own = small_ddpm("sampling.sampler=ddim", "sampling.steps=3", "sampling.spacing=trailing")
    tables, usual = page_tables(own)
    assert usual["own"] == 3 and 3 not in tables["ddim"]


def test_models_of_two_shapes_are_refused(make_run: Callable[..., Path], workplace: Path) -> None:
    beside = str(make_run("large", (1, 28, 28)))
    request = ExportRequest("bundled:digits", "page", beside=beside)
    with pytest.raises(RequestError, match="a page compares models of one shape"):
        write_page(open_model("bundled:digits", "cpu"), request, workplace / "x.html")
    assert list(workplace.iterdir()) == []


def test_it_draws_students_and_self_conditioned_models(
    page: Page, runtime: Path, workplace: Path
) -> None:
    models = [
        small_student("diffusion.objective=v", classes=3),
        small_student(target="image"),  # adds noise between its evaluations
        self_conditioned("sampling.guidance=2", classes=2),
    ]
    entries = [page_file._Entry(model, "small") for model in models]
    Path("m.html").write_text(page_text(entries, runtime_files(runtime)), "utf-8")
    page.goto(f"{(workplace / 'm.html').as_uri()}#count=3&guidance=2")
    wait_until_drawn(page)
    for i, opened in enumerate(models):
        model = opened.model
        labels = choose_labels(model, range(3), None)
        with torch.no_grad():
            drawn = sample_images(model, range(3), labels, model.spec.config.sampling)[:, 0]
        assert np.abs(cells(page, f"canvas-{i}", 3) - drawn.astype(int)).max() <= 2
        assert drawn.std() > 10
    page.get_by_text("Time 350 of 999.").wait_for()  # of the model with a denoiser


def test_a_student_alone_has_no_guidance_and_no_forward_process(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_file, "onnx_bytes", lambda model, half: b"no network")
    entry = page_file._Entry(small_student(classes=2), "small")
    Path("m.html").write_text(page_text([entry], dict.fromkeys(FILES, b"no runtime")), "utf-8")
    page.goto(Path("m.html").resolve().as_uri())
    page.get_by_text("student, 3 evaluations").first.wait_for(state="attached")
    for name in ("#guidance", "#forward"):
        assert not page.locator(name).is_visible()
    assert page.locator("#label").is_visible()
