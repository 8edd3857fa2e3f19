"""The chapters on how it works: theory with its sources, the networks drawn, every setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath

from ddpm.reporting.citations import chosen, guidance_sources, network_sources
from ddpm.reporting.document import (
    Block,
    Cell,
    Figure,
    Formula,
    Heading,
    Paragraph,
    Span,
    Table,
    code,
    spans,
)
from ddpm.reporting.facts import COLUMNS, Fact, Material, RunFacts, fact_tables
from ddpm.reporting.tables import NOTHING, whole
from ddpm.reporting.words import Words

FORWARD = Formula(
    "x_t = alpha_t x_0 + sigma_t epsilon, quad epsilon tilde cal(N)(0, I)",
    r"x_t = \alpha_t x_0 + \sigma_t \varepsilon, \quad \varepsilon \sim \mathcal{N}(0, I)",
)
LOSSES = {  # by objective; w is 1 where the weighting is simple
    "noise": Formula(
        "L = EE [ w_t norm(epsilon - epsilon_theta (x_t, t))^2 ]",
        r"L = \mathbb{E}\left[ w_t \lVert \varepsilon - \varepsilon_\theta(x_t, t) \rVert^2 \right]",
    ),
    "x0": Formula(
        "L = EE [ w_t norm(x_0 - hat(x)_theta (x_t, t))^2 ]",
        r"L = \mathbb{E}\left[ w_t \lVert x_0 - \hat{x}_\theta(x_t, t) \rVert^2 \right]",
    ),
    "v": Formula(
        "L = EE [ w_t norm(v - v_theta (x_t, t))^2 ], quad v = alpha_t epsilon - sigma_t x_0",
        r"L = \mathbb{E}\left[ w_t \lVert v - v_\theta(x_t, t) \rVert^2 \right], \quad "
        r"v = \alpha_t \varepsilon - \sigma_t x_0",
    ),
    "velocity": Formula(
        "L = EE [ w_t norm(u - u_theta (x_t, t))^2 ], quad u = epsilon - x_0",
        r"L = \mathbb{E}\left[ w_t \lVert u - u_\theta(x_t, t) \rVert^2 \right], \quad "
        r"u = \varepsilon - x_0",
    ),
    "edm": Formula(
        "L = EE [ w_t norm(x_0 - D_theta (x_t, sigma_t))^2 ]",
        r"L = \mathbb{E}\left[ w_t \lVert x_0 - D_\theta(x_t, \sigma_t) \rVert^2 \right]",
    ),
}
GAN_LOSSES = Formula(
    "L_D = - EE [log D(x)] - EE [log(1 - D(G(z)))], quad L_G = - EE [log D(G(z))]",
    r"L_D = -\mathbb{E}[\log D(x)] - \mathbb{E}[\log(1 - D(G(z)))], \quad "
    r"L_G = -\mathbb{E}[\log D(G(z))]",
)
SECTIONS = {  # of config.json, that a model family uses
    "ddpm": ("data", "network", "diffusion", "training", "sampling"),
    "dcgan": ("data", "gan", "training"),
}


def method_chapter(material: Material, schedule: str | None) -> Iterator[Block]:
    """The theory in a few lines, then each run's choices with their sources. `schedule`: the figure."""
    words, cite = material.words, material.cite
    diffusion = [run for run in material.runs if not run.gan]
    gans = [run for run in material.runs if run.gan]
    yield Heading(words("method"))
    if diffusion:
        yield Paragraph(spans(words("method.forward", cite=cite("ddpm", "sohl-dickstein"))))
        yield FORWARD
        yield Paragraph(spans(words("method.loss")))
        objectives = dict.fromkeys(run.setting("diffusion.objective") for run in diffusion)
        yield from (LOSSES[name] for name in objectives if name in LOSSES)
        yield Paragraph(spans(words("method.sampling")))
        yield from _choices(material, "method.caption", diffusion, _DIFFUSION)
        if schedule is not None:
            yield Figure(words("method.schedule_caption"), (schedule,), 0.8)
    if gans:
        yield Paragraph(spans(words("method.gan", cite=cite("dcgan"), minimax=cite("gan"))))
        yield GAN_LOSSES
        yield from _choices(material, "method.gan_caption", gans, _GAN)


def _choices(
    material: Material, caption: str, runs: Sequence[RunFacts], rows: Mapping[str, Choice]
) -> Iterator[Block]:
    words = material.words
    facts: list[Fact] = [
        (words(f"method.{name}"), [choice(material, run) for run in runs])
        for name, choice in rows.items()
    ]
    yield from fact_tables(words, words(caption), [run.name for run in runs], facts, align="l")


Choice = Callable[[Material, RunFacts], str]


def _cited(key: str) -> Choice:
    """The value at a configuration key as it is, with its source."""

    def choice(material: Material, run: RunFacts) -> str:
        return f"{run.setting(key)}{material.cite(chosen(run.config, key))}"

    return choice


def _objective(material: Material, run: RunFacts) -> str:
    name = run.setting("diffusion.objective")
    word = material.words(f"value.{name}") if name in LOSSES else str(name)
    return word + material.cite(chosen(run.config, "diffusion.objective"))


def _variance(material: Material, run: RunFacts) -> str:
    if run.setting("diffusion.learned_variance"):
        return material.words("value.learned") + material.cite("cosine")
    if run.setting("sampling.sampler") != "ancestral":
        return NOTHING
    return material.words(f"value.{run.setting('sampling.variance')}")


def _unet(material: Material, run: RunFacts) -> str:
    sides = run.setting("network.attention") or []
    attends = material.words("value.attention", sides=", ".join(map(str, sides))) if sides else ""
    words = material.words.listed(list(filter(None, [material.words("value.unet"), attends])))
    return words + material.cite(*network_sources(run.config))


def _labels(material: Material, run: RunFacts) -> str:
    if not run.classes:
        return material.words("no")
    share = _percent(run.setting("network.label_dropout") or 0)
    return material.words("value.hidden", share=share)


def _ema(material: Material, run: RunFacts) -> str:
    decay = run.setting("training.ema")
    return material.words("value.decay", decay=decay) if decay else material.words("none")


def _sampler(material: Material, run: RunFacts) -> str:
    name, steps = run.setting("sampling.sampler"), run.setting("sampling.steps")
    cited = material.cite(chosen(run.config, "sampling.sampler"))
    return material.words("value.steps", sampler=f"{name}{cited}", steps=steps)


def _guidance(material: Material, run: RunFacts) -> str:
    sources = guidance_sources(run.config) if run.classes else []
    if not sources:
        return material.words("none")
    low, high = map(_percent, run.setting("sampling.guidance_interval"))
    scale = f"{run.setting('sampling.guidance'):g}{material.cite(*sources)}"
    return material.words("value.guided", scale=scale, low=low, high=high)


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _strided(material: Material, run: RunFacts) -> str:
    return material.words("value.dcgan") + material.cite("dcgan")


def _smoothing(material: Material, run: RunFacts) -> str:
    smoothing = run.setting("gan.label_smoothing")
    return f"{smoothing:g}{material.cite('is')}" if smoothing else material.words("none")


_DIFFUSION: dict[str, Choice] = {
    "schedule": _cited("diffusion.schedule"),
    "num_steps": lambda material, run: whole(run.setting("diffusion.num_steps")),
    "objective": _objective,
    "weighting": _cited("diffusion.weighting"),
    "times": _cited("diffusion.time_sampling"),
    "variance": _variance,
    "network": _unet,
    "labels": _labels,
    "optimizer": _cited("training.optimizer"),
    "ema": _ema,
    "sampler": _sampler,
    "guidance": _guidance,
}
_GAN: dict[str, Choice] = {
    "network": _strided,
    "latent": lambda material, run: whole(run.setting("gan.latent")),
    "smoothing": _smoothing,
    "optimizer": _cited("training.optimizer"),
    "ema": _ema,
}


def network_chapter(material: Material) -> Iterator[Block]:
    """Each network drawn; one that is drawn already is only named."""
    words = material.words
    yield Heading(words("network"))
    drawn: dict[tuple[str, ...], str] = {}
    for run in material.runs:
        parts = [key for key in run.pictures if key.startswith("network-")]
        shown = tuple(run.pictures[key] for key in parts)
        if shown in drawn:
            yield Paragraph(spans(words("network.same", run=run.name, other=drawn[shown])))
        elif shown:
            drawn[shown] = run.name
            yield from (_network(material, run, key) for key in parts)


def _network(material: Material, run: RunFacts, key: str) -> Block:
    part = key.removeprefix("network-")
    size = whole(run.parameters.get(part))
    named = material.words(f"part.{part}")
    caption = material.words("network.caption", network=named, run=run.name, parameters=size)
    return Figure(caption, (run.pictures[key],), 0.96, (run.commands["train"],))


def settings_chapter(material: Material) -> Iterator[Block]:
    """Every key of every config.json, section by section, runs side by side."""
    words, runs = material.words, material.runs
    yield Heading(words("settings"))
    for start in range(0, len(runs), COLUMNS):
        part = runs[start : start + COLUMNS]
        used = {name for run in part for name in _sections(run)}
        sections = [name for run in part for name in run.config if name in used]
        yield Table(
            caption=words("settings.caption"),
            head=(words("settings.key"), words("settings.meaning"), *[run.name for run in part]),
            rows=tuple(
                row
                for name in ("", *dict.fromkeys(sections))
                for row in _section(words, part, name)
            ),
            align="ll" + "r" * len(part),
            commands=tuple(run.commands["train"] for run in part),
            shares=(1.35, 2.2, *[1.1] * len(part)) if len(part) > 2 else (),
        )


def _sections(run: RunFacts) -> tuple[str, ...]:
    """The sections of its configuration that a run's model uses; all of them where it is unknown."""
    known = SECTIONS.get(str(run.config.get("model")))
    every = tuple(name for name, value in run.config.items() if isinstance(value, Mapping))
    return every if known is None else tuple(name for name in known if name in every)


def _section(words: Words, runs: Sequence[RunFacts], section: str) -> Iterator[tuple[Cell, ...]]:
    """One section's settings under its name; "" for those that stand in none."""
    if section:
        yield (Span(section, "strong"), "", *[""] * len(runs))
    for key in _keys(runs, section):
        path = f"{section}.{key}" if section else key
        cells = [_setting(words, run, path, section) for run in runs]
        yield (code(key), words.meaning(path), *cells)


def _keys(runs: Sequence[RunFacts], section: str) -> list[str]:
    found = [run.config.get(section, {}) if section else run.config for run in runs]
    return list(
        dict.fromkeys(
            key
            for values in found
            for key, value in values.items()
            if not isinstance(value, Mapping)
        )
    )


def _setting(words: Words, run: RunFacts, path: str, section: str) -> Cell:
    if section and section not in _sections(run):
        return NOTHING
    value = run.setting(path)
    if isinstance(value, bool):
        return words("yes" if value else "no")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or words("none")
    if path == "data.path":  # without the folders of the author's computer
        return code(PurePath(str(value)).name)
    if value is None:
        return NOTHING
    return f"{value:g}" if isinstance(value, float) else str(value)
