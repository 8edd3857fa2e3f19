"""The chapters on what came out: losses, samples, scores, the comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ddpm.reporting.citations import feature_source, metric_source
from ddpm.reporting.document import Block, Cell, Figure, Heading, Missing, Paragraph, Table, spans
from ddpm.reporting.facts import ComparisonFacts, Fact, Material, Row, RunFacts, fact_tables
from ddpm.reporting.tables import NOTHING, interval, number, whole

_CLASS = "class-share-"  # metrics of the shares of classes
_LOSSES = ("loss", "generator_loss", "discriminator_loss", "epoch_loss", "heldout_loss")
_GRID_WIDTH = 0.47  # of a grid of 5x5 images
_FIGURES = (("metrics", 1.0), ("spectra", 0.9), ("cost", 1.0), ("neighbors", 0.9))


def training_chapter(material: Material) -> Iterator[Block]:
    """The loss of every run against its iterations, and where it ended."""
    words = material.words
    yield Heading(words("training"))
    for run in material.runs:
        if "loss" in run.pictures:
            caption = words("training.caption", run=run.name)
            yield Figure(caption, (run.pictures["loss"],), 0.84, (run.commands["train"],))
    told = [run for run in material.runs if run.losses]
    facts: list[Fact] = [
        (words(f"loss.{kind}"), [_loss(material, run, kind) for run in told]) for kind in _LOSSES
    ]
    if told:
        names = [run.name for run in told]
        commands = tuple(run.commands["train"] for run in told)
        yield from fact_tables(words, words("training.table"), names, facts, commands)


def _loss(material: Material, run: RunFacts, kind: str) -> str:
    row = run.losses.get(kind)
    if row is None:
        return NOTHING
    text = number(row["value"])
    window = row.get("window")
    return material.words("training.last", loss=text, count=window) if window else text


def samples_chapter(material: Material) -> Iterator[Block]:
    """Grids, frames of the GIFs, and both processes as strips."""
    words = material.words
    yield Heading(words("samples"))
    for run in material.runs:
        if run.pictures.keys() & {"samples", "frames", "backward", "forward"}:
            yield Heading(run.name, 2)
            yield from _samples(material, run)


def _samples(material: Material, run: RunFacts) -> Iterator[Block]:
    words, made = material.words, (run.commands["sample"],)
    drawn = words.phrase(run.drawn)
    what = words("samples.forward_data" if run.forward_from_data else "samples.forward_drawn")
    captions = {
        "samples": words("samples.caption", run=run.name, seeds="0–24", drawn=drawn, step=run.step),
        "frames": words("samples.frames", run=run.name, shares=run.frame_shares),
        "forward": words("samples.forward", run=run.name, what=what),
        "backward": words("samples.backward", run=run.name, seeds="0–3", drawn=drawn),
    }
    widths = {"samples": _GRID_WIDTH, "frames": 1.0, "forward": 0.6, "backward": 0.8}
    forward = _forward(run) if run.forward_from_data else ()
    commands = {"samples": made, "frames": made, "backward": made, "forward": forward}
    for key, caption in captions.items():
        if key in run.pictures:
            shown = (run.pictures[key],)
            yield Figure(caption, shown, widths[key], commands[key])


def _forward(run: RunFacts) -> tuple[str, ...]:
    return (run.commands["forward"],) if "forward" in run.commands else ()


def evaluation_chapter(material: Material) -> Iterator[Block]:
    """The scores of each run, or the command that takes them."""
    words = material.words
    yield Heading(words("evaluation"))
    for run in material.runs:
        if run.evaluation is None:
            yield Missing(words("missing.evaluation", run=run.name), run.commands["evaluate"])
        else:
            yield Heading(run.name, 2)
            yield from _evaluation(material, run, run.evaluation)


def _evaluation(material: Material, run: RunFacts, found: Row) -> Iterator[Block]:
    words = material.words
    yield Paragraph(spans(_about(material, found)))
    old = found.get("step")
    if old is not None and run.step is not None and old != run.step:
        text = words("evaluation.stale", run=run.name, old=whole(old), new=whole(run.step))
        yield Missing(text, run.commands["evaluate"])
    rows = [row for row in found.get("rows", []) if not str(row["metric"]).startswith(_CLASS)]
    yield _scores(material, run, found, rows)
    shares = [row for row in found.get("rows", []) if row not in rows]
    if shares:
        yield _class_shares(material, run, found, shares)


def _about(material: Material, found: Row) -> str:
    """Which images were held against which, in a sentence or two."""
    words = material.words
    seeds, speed = found.get("seeds"), found.get("images_per_second")
    rate = words("evaluation.speed", rate=number(speed)) if speed else ""
    drawn = words.phrase(found["drawn"]) if found.get("drawn") else ""
    text = words(
        "evaluation.about",
        n=whole(found.get("n")),
        seeds=words("evaluation.seeds", first=seeds[0], last=seeds[1]) if seeds else "",
        drawn=words("evaluation.drawn", drawn=drawn, speed=rate) if drawn else "",
        reference=words.phrase(found["reference"]["what"]),
        floor=words.phrase(found["floor"]["what"]),
        network=f"{found['network']}{material.cite(feature_source(found['network']))}",
    )
    note = words("evaluation.note", note=found["note"]) if found.get("note") else ""
    return f"{text} {note}".strip()


def _scores(material: Material, run: RunFacts, found: Row, rows: Sequence[Row]) -> Table:
    words = material.words
    head = ("metric", "better", "value", "floor", "ratio")
    cells = tuple(
        (
            _metric(material, row),
            words(f"better.{row['better']}"),
            interval(row["value"], row.get("low"), row.get("high")),
            number(row.get("floor")),
            interval(row.get("ratio"), row.get("ratio_low"), row.get("ratio_high")),
        )
        for row in rows
    )
    return Table(
        caption=words("evaluation.caption", run=run.name, n=whole(found.get("n"))),
        head=tuple(words(f"evaluation.{name}") for name in head),
        rows=cells,
        align="llrrr",
        commands=_made_by(found),
        shares=(2.6, 1.0, 1.9, 0.8, 1.8),
    )


def _metric(material: Material, row: Row) -> str:
    name = str(row["metric"])
    return material.words.metric(name, str(row["label"])) + material.cite(metric_source(name))


def _class_shares(material: Material, run: RunFacts, found: Row, rows: Sequence[Row]) -> Table:
    """A column a class, up to twenty."""
    words = material.words
    head: tuple[Cell, ...] = (words("evaluation.class"),)
    head += tuple(str(row["metric"]).removeprefix(_CLASS) for row in rows)
    made = (words("evaluation.made"), *(f"{row['value']:.3f}" for row in rows))
    real = (words("evaluation.real"), *(_share(row.get("floor")) for row in rows))
    caption = words("evaluation.shares", run=run.name)
    shares = (1.6, *[1.0] * len(rows))
    return Table(caption, head, (made, real), "l" + "r" * len(rows), _made_by(found), shares)


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _made_by(found: Row) -> tuple[str, ...]:
    return (str(found["command"]),) if found.get("command") else ()


def comparison_chapter(
    material: Material, uncompared: Sequence[tuple[str, str]]
) -> Iterator[Block]:
    """DDPM against DCGAN, or any runs. `uncompared`: comparison or baseline, and the command for it."""
    words = material.words
    yield Heading(words("comparison"))
    for kind, command in uncompared:
        yield Missing(words(f"missing.{kind}"), command)
    for comparison in material.comparisons:
        if len(material.comparisons) > 1:
            yield Heading(words.listed(_labels(comparison)), 2)
        yield from _comparison(material, comparison)


def _labels(comparison: ComparisonFacts) -> list[str]:
    return [str(entry["label"]) for entry in comparison.row["entries"]]


def _comparison(material: Material, comparison: ComparisonFacts) -> Iterator[Block]:
    words, labels = material.words, _labels(comparison)
    made, named = _made_by(comparison.row), words.listed(labels)
    yield Paragraph(spans(_rule(material, comparison, named)))
    if "grids" in comparison.pictures:
        caption = words("comparison.grids", labels=named)
        yield Figure(caption, (comparison.pictures["grids"],), 1.0, made)
    yield _verdicts(material, comparison, labels)
    yield from _costs(material, comparison, labels)
    for key, width in _FIGURES:
        if key in comparison.pictures:
            caption = words("comparison.cost_figure" if key == "cost" else f"comparison.{key}")
            yield Figure(caption, (comparison.pictures[key],), width, made)


def _rule(material: Material, comparison: ComparisonFacts, labels: str) -> str:
    """What was held equal, when a difference counts, and how many of the verdicts may be chance."""
    rows = comparison.row["verdicts"]
    tests = sum(sum(v["value"] is not None for v in row["values"]) > 1 for row in rows)
    chance = max(1, round(tests / 20))
    return material.words("comparison.about", labels=labels, tests=tests, chance=chance)


def _verdicts(material: Material, comparison: ComparisonFacts, labels: Sequence[str]) -> Table:
    words = material.words
    rows = [
        (
            _metric(material, row),
            words(f"better.{row['better']}"),
            *(interval(value["value"], value["low"], value["high"]) for value in row["values"]),
            number(row.get("floor")),
            words.phrase(str(row["verdict"])),
        )
        for row in comparison.row["verdicts"]
        if not str(row["metric"]).startswith(_CLASS)
    ]
    names = ("metric", "better", "floor")
    metric, better, floor = (words(f"evaluation.{name}") for name in names)
    return Table(
        caption=words("comparison.verdicts"),
        head=(metric, better, *labels, floor, words("comparison.verdict")),
        rows=tuple(rows),
        align="ll" + "r" * (len(labels) + 1) + "l",
        commands=_made_by(comparison.row),
        shares=(2.1, 1.15, *[1.6] * len(labels), 0.9, 1.7),
    )


def _costs(
    material: Material, comparison: ComparisonFacts, labels: Sequence[str]
) -> Iterator[Block]:
    """Minutes, images and sizes beside each other, where the entries are runs."""
    words = material.words
    runs: list[Row] = [entry.get("run") or {} for entry in comparison.row["entries"]]
    speeds = [entry["evaluation"].get("images_per_second") for entry in comparison.row["entries"]]
    if not any(runs):
        return
    facts: list[Fact] = [
        (words("fact.preset"), [str(run.get("preset", "")) for run in runs]),
        (words("fact.model"), [str(run.get("model", "")).upper() for run in runs]),
        (words("fact.parameters"), [_sizes(material, run.get("parameters") or {}) for run in runs]),
        (words("fact.minutes"), [number(run.get("minutes")) for run in runs]),
        (words("fact.steps"), [whole(run.get("steps")) for run in runs]),
        (words("comparison.batch"), [whole(run.get("batch_size")) for run in runs]),
        (words("fact.seen"), [whole(run.get("images_seen")) for run in runs]),
        (words("comparison.drawing"), [number(speed) for speed in speeds]),
        (words("comparison.precision"), [str(run.get("precision", "")) for run in runs]),
        (words("comparison.device"), [str(run.get("device", "")) for run in runs]),
    ]
    made = _made_by(comparison.row)
    yield from fact_tables(words, words("comparison.cost"), labels, facts, made)


def _sizes(material: Material, sizes: Mapping[str, int]) -> str:
    """`680,000` or `generator 1,200,000, discriminator 900,000`."""
    if len(sizes) == 1:
        return whole(next(iter(sizes.values())))
    named = [f"{material.words(f'part.{part}')} {whole(size)}" for part, size in sizes.items()]
    return material.words.listed(named)
