"""The chapter on the method: the theory in brief, and each choice of a run with its source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ddpm.commands.report.report_data import ReportData, ReportedRun, TableRow, run_tables
from ddpm.documents.document import (
    Block,
    Figure,
    Formula,
    Heading,
    Paragraph,
    spans,
)
from ddpm.documents.tables import NO_VALUE, format_count
from ddpm.models.sources import (
    TRAINING_OPTIONS,
    attention_sides,
    average_source,
    choice_source,
    guidance_sources,
    label_source,
    network_sources,
    network_title,
    training_options,
)

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
STUDENT_LOSS = Formula(
    "L = EE [ norm(tilde(x) - f_theta (x_t, t)) ], quad "
    "tilde(x) = (x_s - sigma_s / sigma_t x_t) / (alpha_s - sigma_s / sigma_t alpha_t)",
    r"L = \mathbb{E}\left[ \lVert \tilde{x} - f_\theta(x_t, t) \rVert \right], \quad "
    r"\tilde{x} = \frac{x_s - (\sigma_s / \sigma_t) x_t}{\alpha_s - (\sigma_s / \sigma_t) \alpha_t}",
)
GAN_LOSSES = Formula(
    "L_D = - EE [log D(x)] - EE [log(1 - D(G(z)))], quad L_G = - EE [log D(G(z))]",
    r"L_D = -\mathbb{E}[\log D(x)] - \mathbb{E}[\log(1 - D(G(z)))], \quad "
    r"L_G = -\mathbb{E}[\log D(G(z))]",
)


def method_chapter(report: ReportData, schedule: str | None) -> Iterator[Block]:
    """Yield the theory in brief, then each run's choices. `schedule` is the figure of the schedules."""
    words, cite = report.words, report.cite
    diffusion = [run for run in report.runs if not run.gan]
    gans = [run for run in report.runs if run.gan]
    yield Heading(words("method"))
    if diffusion:
        yield Paragraph(spans(words("method.forward", cite=cite("ddpm", "sohl-dickstein"))))
        yield FORWARD
        yield Paragraph(spans(words("method.loss")))
        students = [run for run in diffusion if run.student]
        learning = [run for run in diffusion if run not in students]
        objectives = dict.fromkeys(run.setting("diffusion.objective") for run in learning)
        yield from (LOSSES[name] for name in objectives if name in LOSSES)
        if students:
            yield Paragraph(spans(words("method.student", cite=cite("v"))))
            yield STUDENT_LOSS
        if any(run.setting("student.drift") for run in students):
            yield Paragraph(spans(words("method.drifting", cite=cite("drifting"))))
        if any(run.polished for run in diffusion):
            yield Paragraph(spans(words("method.polished", cite=cite("ddo"))))
        yield Paragraph(spans(words("method.sampling")))
        yield from _choices(report, "method.caption", diffusion, _DIFFUSION)
        if schedule is not None:
            yield Figure(words("method.schedule_caption"), (schedule,), 0.72)
    if gans:
        yield Paragraph(spans(words("method.gan", cite=cite("dcgan"), minimax=cite("gan"))))
        yield GAN_LOSSES
        yield from _choices(report, "method.gan_caption", gans, _GAN)


def _choices(
    report: ReportData, caption: str, runs: Sequence[ReportedRun], rows: Mapping[str, Choice]
) -> Iterator[Block]:
    words = report.words
    facts: list[TableRow] = [
        (words(f"method.{name}"), [choice(report, run) for run in runs])
        for name, choice in rows.items()
    ]
    commands = tuple(run.commands["train"] for run in runs)
    yield from run_tables(words, words(caption), [run.name for run in runs], facts, commands)


Choice = Callable[[ReportData, ReportedRun], str]


def _cited(key: str) -> Choice:
    """Return a choice that shows the value of a configuration key with its source."""

    def choice(report: ReportData, run: ReportedRun) -> str:
        return f"{run.setting(key)}{report.cite(choice_source(run.config, key))}"

    return choice


def _objective(report: ReportData, run: ReportedRun) -> str:
    name = run.setting("diffusion.objective")
    word = report.words(f"value.{name}") if name in LOSSES else str(name)
    return word + report.cite(choice_source(run.config, "diffusion.objective"))


def _variance(report: ReportData, run: ReportedRun) -> str:
    if run.setting("diffusion.learned_variance"):
        return report.words("value.learned") + report.cite("cosine")
    if run.setting("sampling.sampler") != "ancestral":
        return NO_VALUE
    return report.words(f"value.{run.setting('sampling.variance')}")


def _network(report: ReportData, run: ReportedRun) -> str:
    sides = attention_sides(run.config)
    attends = report.words("value.attention", sides=", ".join(map(str, sides))) if sides else ""
    words = report.words.listed(list(filter(None, [network_title(run.config), attends])))
    return words + report.cite(*network_sources(run.config))


def _options(report: ReportData, run: ReportedRun) -> str:
    words = [
        report.words(f"value.{key}", value=value) + report.cite(TRAINING_OPTIONS[key][1])
        for key, value in training_options(run.config).items()
    ]
    return report.words.listed(words) or report.words("none")


def _labels(report: ReportData, run: ReportedRun) -> str:
    if not run.classes:
        return report.words("no")
    share = _percent(run.setting("network.label_dropout") or 0)
    return report.words("value.hidden", share=share) + report.cite(label_source(run.config))


def _ema(report: ReportData, run: ReportedRun) -> str:
    cited = report.cite(average_source(run.config, run.average))
    if run.average is not None:
        return report.words("value.length", length=f"{run.average:g}") + cited
    decay = run.setting("training.ema")
    return report.words("value.decay", decay=decay) + cited if decay else report.words("none")


def _sampler(report: ReportData, run: ReportedRun) -> str:
    name, steps = run.setting("sampling.sampler"), run.setting("sampling.steps")
    cited = report.cite(choice_source(run.config, "sampling.sampler"))
    return report.words("value.steps", sampler=f"{name}{cited}", steps=steps)


def _guidance(report: ReportData, run: ReportedRun) -> str:
    guide, scale = run.setting("sampling.guide"), run.setting("sampling.guidance")
    sources = guidance_sources(run.config)
    if not sources or not (run.classes or guide):
        return report.words("none")
    cited = report.cite(*sources)
    if scale == 1:  # by the classifier alone
        classifier = run.setting("sampling.classifier_guidance")
        return report.words("value.classifier", scale=f"{classifier:g}") + cited
    guide_scale = run.setting("sampling.guide_scale") if run.classes else 0
    if guide and not guide_scale:
        return report.words("value.autoguided", scale=f"{scale:g}", guide=guide) + cited
    low, high = map(_percent, run.setting("sampling.guidance_interval"))
    label = report.words("value.guided", scale=f"{scale:g}{cited}", low=low, high=high)
    if not guide:
        return label
    return report.words("value.guided_twice", label=label, scale=f"{guide_scale:g}", guide=guide)


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _training(report: ReportData, run: ReportedRun) -> str:
    keys = {"steps": "steps", "batch": "batch_size", "rate": "learning_rate"}
    values = {name: run.setting(f"training.{key}") for name, key in keys.items()}
    shown = {name: format_count(value) for name, value in values.items() if name != "rate"}
    return report.words("value.training", rate=f"{values['rate']:g}", **shown)


def _strided(report: ReportData, run: ReportedRun) -> str:
    return report.words("value.dcgan") + report.cite("dcgan")


def _smoothing(report: ReportData, run: ReportedRun) -> str:
    smoothing = run.setting("gan.label_smoothing")
    return f"{smoothing:g}{report.cite('is')}" if smoothing else report.words("none")


_DIFFUSION: dict[str, Choice] = {
    "schedule": _cited("diffusion.schedule"),
    "num_steps": lambda report, run: format_count(run.setting("diffusion.num_steps")),
    "objective": _objective,
    "weighting": _cited("diffusion.weighting"),
    "times": _cited("diffusion.time_sampling"),
    "variance": _variance,
    "network": _network,
    "options": _options,
    "labels": _labels,
    "optimizer": _cited("training.optimizer"),
    "training": _training,
    "ema": _ema,
    "sampler": _sampler,
    "guidance": _guidance,
}
_GAN: dict[str, Choice] = {
    "network": _strided,
    "latent": lambda report, run: format_count(run.setting("gan.latent")),
    "smoothing": _smoothing,
    "optimizer": _cited("training.optimizer"),
    "training": _training,
    "ema": _ema,
}
