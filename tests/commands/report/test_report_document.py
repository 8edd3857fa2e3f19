"""The whole report from made-up rows: complete, the same in both forms, and honest about what is missing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from ddpm.commands.report.notes import Notes, read_notes
from ddpm.commands.report.report_data import ReportData, ReportedComparison, ReportedRun
from ddpm.commands.report.report_document import TitleBlock, build_document
from ddpm.commands.report.words.languages import LANGUAGES, Words
from ddpm.config import Config, GanConfig, with_overrides
from ddpm.documents.citations import SOURCES, Citations, Source
from ddpm.documents.document import (
    Blank,
    Document,
    Figure,
    Heading,
    Items,
    Missing,
    Table,
    cell_text,
    plain,
)
from ddpm.documents.markdown import to_markdown
from ddpm.documents.typefaces import faces
from ddpm.documents.typst_markup import to_typst
from tests.documents.hostile import HOSTILE

DATA = {
    "given": 70000, "used": 60001, "held_out": 9876, "duplicate": 123, "broken": 7,
    "broken_files": [{"name": "a.png", "reason": "is cut short"}], "kind": "IDX files",
    "content_hash": "ef6a9e55ac23b29a", "size": "28x28", "channels": 1, "mean": [0.1306],
    "std": [0.3081], "held_out_reason": {"code": "test_files"},
}  # fmt: skip
ROW = {
    "metric": "fd", "label": "FD-digits (n=1000, train ref)", "better": "lower", "value": 12.345,
    "low": 11.111, "high": 13.333, "floor": 3.21, "ratio": 3.846, "ratio_low": 3.5, "ratio_high": 4.2,
}  # fmt: skip
SHARE = {
    "metric": "class-share-0", "label": "share of class 0", "better": "real", "value": 0.0987,
    "low": 0.09, "high": 0.11, "floor": 0.1012,
}  # fmt: skip
DRAWN = {"code": "sampler", "sampler": "dpm++2m", "steps": 20}
EVALUATION: dict[str, Any] = {
    "network": "digits", "n": 1000, "seeds": [0, 999], "drawn": DRAWN, "step": 950,
    "images_per_second": 41.26, "notes": [], "rows": [ROW, SHARE],
    "reference": {"what": {"code": "training_images", "count": 60_000}},
    "floor": {"what": {"code": "test_images", "count": 10_000}},
    "command": "ddpm evaluate runs/a -n 1000",
}  # fmt: skip


EXPECTED = (
    "70,000", "60,001", "9,876", "123", "60,864", "0.136", "0.131", "12.3", "7.78", "2.47", "759,680",
    "679,812", "41.3", "0.099", "0.101", "77",
)  # fmt: skip


def run(name: str = "a", **changes: Any) -> ReportedRun:
    commands = {
        kind: f"ddpm {kind} runs/{name}"
        for kind in ("train", "data", "sample", "evaluate", "forward")
    }
    what = ("loss", "samples", "frames", "forward", "backward", "network-network")
    facts = ReportedRun(
        name=name,
        config=Config().to_dict(),
        environment={"torch": "2.13.0", "seed": 5, "data": DATA},
        progress={"step": 951, "images": 60864, "epochs": 1.0144, "minutes": 9.87, "speed": 102.77},
        losses={"loss": {"value": 0.1357, "window": 23}, "heldout_loss": {"value": 0.1307, "window": None}},
        commands=commands,
        parameters={"network": 679812},
        step=950,
        sampled_by=DRAWN,
        animated_by={**DRAWN, "steps": 44},
        weights="cecd6a117ac6eb41",
        data_name="mnist",
        evaluation=EVALUATION,
        pictures={key: f"figures/{name}-{key}.png" for key in what},
    )  # fmt: skip
    return replace(facts, **changes)


def gan(name: str = "b") -> ReportedRun:
    config = replace(Config(model="dcgan"), gan=GanConfig(latent=77)).to_dict()
    losses = {"generator_loss": {"value": 2.468, "window": 9}}
    sizes = {"generator": 759680, "discriminator": 138624}
    pictures = {
        "samples": "f/b.png",
        "network-generator": "f/g.png",
        "network-discriminator": "f/d.png",
    }
    return run(
        name, config=config, losses=losses, parameters=sizes, pictures=pictures, evaluation=None
    )


def comparison() -> ReportedComparison:
    verdict = {"metric": "fd", "label": "FD-digits", "better": "lower", "floor": 3.21, "winner": 0}
    values = [
        {"value": 12.345, "low": 11.1, "high": 13.3},
        {"value": 7.777, "low": 7.01, "high": 8.02},
    ]
    row = {
        "command": "ddpm compare runs/a runs/b",
        "entries": [
            {"label": "a", "evaluation": EVALUATION, "run": {"minutes": 9.87, "parameters": {"network": 5}}},
            {"label": "b", "evaluation": EVALUATION, "run": None},
        ],
        "verdicts": [{**verdict, "values": values, "verdict": {"code": "better", "label": "a"}}],
        "figures": {},
    }  # fmt: skip
    return ReportedComparison(row, {"grids": "figures/grids.png", "cost": "figures/cost.png"})


def composed(
    *runs: ReportedRun,
    compared: tuple[ReportedComparison, ...] = (),
    language: str = "en",
    front: TitleBlock | None = None,
    notes: Notes | None = None,
) -> Document:
    known = {"mnist": {"text": "handwritten digits", "license": "CC BY-SA 3.0"}}
    report = ReportData(
        runs=runs,
        comparisons=compared,
        words=Words(language),
        cite=Citations({"data:mnist": Source("", "", "Y. LeCun", "", "https://example.org")}),
        data_sources=known,
        command="ddpm report runs/a",
    )
    uncompared = [] if compared else [("comparison", "ddpm compare runs/a runs/b")]
    return build_document(
        report,
        front or TitleBlock(),
        notes or Notes(),
        schedule="figures/s.png",
        uncompared=uncompared,
    )


def numbers(text: str) -> list[str]:
    return re.findall(r"\d(?:[\d.,]*\d)?", text)


def shown_in_markup(markup: str) -> str:
    """The words of typst's string literals, without names of files and faces."""
    body = markup.split("code-faces:", 1)[1].split("\n", 1)[1]
    body = re.sub(r'#pictures\((.*), \("f.*\n?', r"\1", body)
    body = re.sub(r', \("[^"]*Studio[^\n]*', "", body)
    return " ".join(re.findall(r'"((?:[^"\\]|\\.)*)"', body))


@pytest.mark.parametrize("language", LANGUAGES)
def test_markdown_and_pdf_say_the_same_numbers(language: str) -> None:
    document = composed(run(), gan(), compared=(comparison(),), language=language)
    pictures, formulas, links = r"!\[.*?\]\(<.*?>\)", r"\$\$.*?\$\$", r"https?://[^)>]*"
    bare = re.compile(f"{pictures}|{formulas}|{links}", re.DOTALL)
    markdown = set(numbers(bare.sub(" ", to_markdown(document))))
    markup = set(numbers(shown_in_markup(to_typst(document, faces()))))
    for number in EXPECTED:
        assert number in markdown, number
        assert number in markup, number
    tables = [block for block in document.blocks if isinstance(block, Table)]
    cells = [cell for table in tables for row in table.rows for cell in row]
    for cell in map(cell_text, cells):
        if max(map(len, cell.split()), default=0) <= 20:  # longer words are in pieces there
            assert set(numbers(cell)) <= markdown & markup, cell


def test_every_setting_of_the_models_sections_is_listed() -> None:
    document = composed(run(), gan())
    (table,) = [t for t in document.blocks if isinstance(t, Table) and t.head[0] == "setting"]
    listed = [cell if isinstance(cell, str) else cell.text for cell, *_ in table.rows]
    config = Config().to_dict()
    sections = {name for name, value in config.items() if isinstance(value, dict)}
    sections -= {"student", "polish"}
    keys = [key for name in sections for key in config[name]]
    assert sorted(listed) == sorted([*sections, *keys, "format", "preset", "model", "scale"])
    latent = next(
        row for row in table.rows if not isinstance(row[0], str) and row[0].text == "latent"
    )
    assert latent[2:] == ("–", "77")


def test_each_table_and_figure_of_a_run_names_its_command() -> None:
    document = composed(run(), compared=(comparison(),))
    bare = [
        block.caption
        for block in document.blocks
        if isinstance(block, Table | Figure) and not block.commands
    ]
    words = Words()
    assert set(bare) <= {
        words("method.schedule_caption"), words("environment.caption"),
        words("commands.caption"),
    }  # fmt: skip


def test_what_is_missing_is_said_with_the_command_that_makes_it() -> None:
    bare = run(
        evaluation=None, environment={}, losses={}, progress={}, weights="", pictures={}, step=None
    )
    found = {b.text: b.command for b in composed(bare).blocks if isinstance(b, Missing)}
    words = Words()
    assert found == {
        words("missing.environment", run="a"): "ddpm train runs/a",
        words("missing.losses", run="a"): "ddpm train runs/a",
        words("missing.weights", run="a"): "ddpm train runs/a",
        words("missing.evaluation", run="a"): "ddpm evaluate runs/a",
        words("missing.comparison"): "ddpm compare runs/a runs/b",
    }
    complete = composed(run(), compared=(comparison(),))
    assert [block for block in complete.blocks if isinstance(block, Missing)] == []


def test_an_evaluation_of_older_weights_is_called_so() -> None:
    missing = [b for b in composed(run(step=1000)).blocks if isinstance(b, Missing)]
    assert "of step 950, but its newest weights are of step 1,000" in missing[0].text


def test_only_what_was_used_is_cited_and_every_number_leads_somewhere() -> None:
    document = composed(run(), gan(), compared=(comparison(),))
    sources = next(b for b in reversed(document.blocks) if isinstance(b, Items) and b.numbered)
    listed = [plain(line) for line in sources.lines]
    assert any("LeCun" in line for line in listed)
    for key, there in (("ddpm", True), ("cosine", True), ("v", True), ("dcgan", True), ("fd", True),
                       ("averaging", True), ("bootstrap", True), ("newcombe", True), ("zou-donner", True),
                       ("lengths", False), ("groups", False), ("autoguidance", False),
                       ("unipc", False), ("min-snr", False), ("kid", False), ("p2", False)):  # fmt: skip
        assert any(SOURCES[key].title in line for line in listed) is there, key
    cited = re.findall(r"\\\[(\d+(?:, \d+)*)\\\]", to_markdown(document))
    asked = {int(n) for group in cited for n in group.split(", ")}
    software = 4  # listed, though no sentence cites it
    assert asked == set(range(1, len(listed) - software + 1))


def test_the_authors_passages_are_marked_until_they_are_written() -> None:
    unknown = run(data_name="my-faces")
    assert sum(isinstance(b, Blank) for b in composed(unknown).blocks) == 5
    notes = read_notes("# Source of the data\n\nFrom a friend.\n\n# Observations\n\nSeen.")
    written = composed(unknown, notes=notes)
    assert sum(isinstance(b, Blank) for b in written.blocks) == 3
    page = to_markdown(written)
    assert page.index("From a friend") < page.index("Method") < page.index("Seen.")


def test_grid_and_strip_name_the_steps_each_was_drawn_with() -> None:
    captions = [block.caption for block in composed(run()).blocks if isinstance(block, Figure)]
    grid = next(caption for caption in captions if caption.startswith("Real images"))
    strip = next(caption for caption in captions if "The reverse process" in caption)
    assert "seeds 0–24, not selected. a: dpm++2m, 20 steps, step 950." in grid
    assert "seeds 0–3, with dpm++2m, 44 steps;" in strip


def test_title_author_and_number_stand_on_top() -> None:
    document = composed(run(), front=TitleBlock("My title", "Ada", "071"))
    assert (document.title, document.lines) == ("My title", ("Ada", "Student 071"))
    assert composed(run(), gan()).title == "Generating images with diffusion models: a, b"


def test_five_runs_share_two_tables() -> None:
    document = composed(*(run(f"run{i}") for i in range(5)))
    tables = [
        t for t in document.blocks if isinstance(t, Table) and t.caption == Words()("runs.caption")
    ]
    assert [t.head[1:] for t in tables] == [("run0", "run1", "run2", "run3"), ("run4",)]
    assert all(
        len(row) == len(t.head) for t in document.blocks if isinstance(t, Table) for row in t.rows
    )
    assert all(len(t.align) == len(t.head) for t in document.blocks if isinstance(t, Table))


def test_equal_networks_are_drawn_once() -> None:
    twin = run("b", pictures={"network-network": "figures/a-network-network.png"})
    document = composed(run(), twin)
    drawn = [b for b in document.blocks if isinstance(b, Figure) and "network" in b.pictures[0]]
    assert len(drawn) == 1 and "b has the same structure as a" in to_markdown(document)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_run_name_is_only_a_name(name: str) -> None:
    document = composed(run(name))
    headings = [b.text for b in document.blocks if isinstance(b, Heading) and b.level == 1]
    lines = to_markdown(document).splitlines()
    assert len([line for line in lines if line.startswith("## ")]) == len(headings) == 14


def test_choices_are_told_as_they_were_made() -> None:
    config = with_overrides(
        Config(),
        ["data.flip=true", "data.shift=2", "data.crop=0.1", "data.augment=0.15", "data.labels=auto",
         "training.ema=0", "sampling.guidance=1.6", "diffusion.schedule=linear", "diffusion.objective=noise"],
    )  # fmt: skip
    page = to_markdown(composed(run(config=config.to_dict(), classes=10)))
    augmentation = (
        "horizontal flip with probability 1/2, random shift by up to 2 pixels in each direction, "
        "random crops of at least 90 % of each side, scale, rotate, stretch, translate: each with "
        "probability 0.15, and passed to the network"
    )
    assert augmentation in page
    assert "learned; dropped for 10 % of the images" in page
    assert re.search(
        r"\| guidance \| 1\.6 \\\[\d+\\\], in 0 % to 100 % of the noise range \|", page
    )
    assert r"\varepsilon_\theta" in page and "v_\\theta" not in page


def test_what_was_chosen_after_the_training_is_told() -> None:
    away = with_overrides(Config(), ["sampling.guidance=2", "sampling.guide=step:500"])
    page = to_markdown(composed(run(config=away.to_dict(), average=0.05)))
    assert SOURCES["autoguidance"].title in page and SOURCES["lengths"].title in page
    assert "chosen after training, σ_rel 0.05" in page.replace("\\_", "_")
    assert "scale 2, away from step:500" in page


def test_stretched_pixel_values_are_told() -> None:
    deep = with_overrides(Config(), ["data.range=0:4095"]).to_dict()
    fixed = "Pixels are scaled from 0 … 255 to -1 … 1 by one fixed rule"
    stretched = "Stored pixel values 0 … 4095 are stretched to 0 … 255"
    for runs, told in (
        ([None], (True, False)),
        ([deep], (False, True)),
        ([None, deep], (True, True)),
    ):
        named = zip("ab", runs, strict=False)
        made = [run(n, **({} if c is None else {"config": c})) for n, c in named]
        page = to_markdown(composed(*made))
        assert (fixed in page, stretched in page) == told
