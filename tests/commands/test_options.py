"""Options of every command: what is typed, the request and the printed command agree."""

from __future__ import annotations

import argparse
import shlex
from argparse import Namespace
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.cli.parser import build_parser
from ddpm.commands import COMMANDS
from ddpm.commands.bundle.bundle import BundleRequest
from ddpm.commands.bundle.command import picked_seeds
from ddpm.commands.compare.compare import ComparisonRequest
from ddpm.commands.distill.distill import DistillRequest
from ddpm.commands.ema.average_choice import EmaRequest
from ddpm.commands.ema.command import ema_lengths
from ddpm.commands.grade.grade import GradeRequest
from ddpm.commands.options import (
    Option,
    add_options,
    command_line,
    count,
    fraction,
    grid_shape,
    make_request,
    named_values,
    natural,
    positive,
    switch,
    value_text,
    verb_options,
)
from ddpm.commands.plan.plan import PlanRequest
from ddpm.commands.report.report import ReportRequest
from ddpm.commands.sample.sample import SampleRequest
from ddpm.commands.sampler_lab.command import counts, sampler_names
from ddpm.commands.sampler_lab.lab_request import LabRequest
from ddpm.data.catalogue import absolute_data_path
from ddpm.loading.recipes import TrainingRequest
from ddpm.loading.targets import TargetRequest
from ddpm.scoring.measurement import EvaluationRequest
from ddpm.studio.command import port_number, token_text
from ddpm.studio.studio_request import StudioRequest
from tests.examples import examples

VERBS = [verb for verb in COMMANDS if verb != "data"]
VERBS += [f"data {verb}" for verb in ("list", "prepare", "inspect", "augment")]
REQUESTS = {
    "train": TrainingRequest,
    "evaluate": EvaluationRequest,
    "compare": ComparisonRequest,
    "report": ReportRequest,
    "bundle": BundleRequest,
    "grade": GradeRequest,
    "sampler-lab": LabRequest,
    "ema": EmaRequest,
    "distill": DistillRequest,
    "sample": SampleRequest,
    "plan": PlanRequest,
    "doctor": TargetRequest,
    "studio": StudioRequest,
}
WORDS = st.text("ab-= 'é\"$1", min_size=1, max_size=6).filter(lambda text: text != "--")
TYPED: dict[Callable[[str], Any], st.SearchStrategy[str]] = {
    str: WORDS,
    Path: WORDS,
    absolute_data_path: WORDS,
    count: st.integers(1, 10**9).map(str),
    natural: st.integers(0, 10**9).map(str),
    positive: st.floats(1e-6, 1e9).map(str),
    fraction: st.floats(0, 1).map(str),
    grid_shape: st.sampled_from(["5x5", "1x12"]),
    ema_lengths: st.sampled_from(["auto", "0.1,0.05", "0.123456789"]),
    counts: st.sampled_from(["4", "8,4,8"]),
    sampler_names: st.sampled_from(["ddim", "heun, ddim"]),
    port_number: st.integers(0, 65535).map(str),
    token_text: st.just("0123456789abcdef"),
    picked_seeds: st.sampled_from(["0-24", "anime=3,8,40-62"]),
}


def typed(option: Option) -> st.SearchStrategy[str]:
    """Texts that an option takes."""
    if option.choices is not None:
        return st.sampled_from([str(choice) for choice in option.choices])
    texts = TYPED[option.kind]
    return texts if option.flag else texts.filter(lambda text: not text.startswith("-"))


@st.composite
def command_lines(draw: st.DrawFn, verb: str) -> list[str]:
    """Words after `ddpm` that the parser takes: every argument, and some of the options."""
    words, positional = verb.split(), []
    exclusive = draw(st.sampled_from(["--minutes", "--epochs", "--steps", "--apply", "--undo"]))
    for option in verb_options(verb):
        if not option.flag:
            many = option.nargs in ("*", "+")
            positional += draw(st.lists(typed(option), min_size=1, max_size=3 if many else 1))
        elif option.flag in TOTALS and option.flag != exclusive:
            continue
        elif option.kind is bool:
            words += [option.flag] if draw(st.booleans()) else []
        else:
            texts = draw(st.lists(typed(option), max_size=2 if option.repeated else 1))
            words += [
                word
                for text in texts
                for word in ([f"{option.flag}={text}"] if text[0] == "-" else [option.flag, text])
            ]
    return [*words[: len(verb.split())], *positional, *words[len(verb.split()) :]]


TOTALS = {"--minutes", "--epochs", "--steps", "--apply", "--undo"}


def parsed(verb: str, words: list[str]) -> dict[str, Any]:
    return named_values(verb_options(verb), build_parser(verb.split()[:1]).parse_args(words))


@pytest.mark.parametrize("verb", VERBS)
def test_the_printed_command_asks_for_the_same(verb: str) -> None:
    @settings(max_examples=examples(25), deadline=None)
    @given(command_lines(verb))
    def round_trip(words: list[str]) -> None:
        values = parsed(verb, words)
        printed = shlex.split(command_line(verb, Namespace(**values)))
        assert printed[0] == "ddpm"
        again = parsed(verb, printed[1:])
        for option in verb_options(verb):
            if "." not in option.name and option.printed:
                assert again[option.name] == values[option.name], option.name

    round_trip()


@pytest.mark.parametrize("verb", REQUESTS)
def test_options_and_requests_have_the_same_defaults(verb: str) -> None:
    known = {field.name: field for field in fields(REQUESTS[verb])}
    shared = [option for option in verb_options(verb) if option.name in known]
    assert len(shared) > 3
    for option in shared:
        if option.flag and known[option.name].default is not MISSING:
            default = () if option.repeated else option.default
            assert known[option.name].default == default, option.name


def test_every_help_text_says_something() -> None:
    for verb in VERBS:
        for option in verb_options(verb):
            assert option.help, f"{verb} {option.name}"


def test_a_default_is_left_out_and_a_configuration_key_becomes_set() -> None:
    parser = build_parser()
    options = parser.parse_args(["evaluate", "my run", "--steps", "20", "--seed", "0"])
    request = make_request(EvaluationRequest, verb_options("evaluate"), options)
    assert request.overrides == ("sampling.steps=20",)
    assert command_line("evaluate", request) == "ddpm evaluate 'my run' --set sampling.steps=20"


def test_shorthands_stand_before_set() -> None:
    options = build_parser().parse_args(["sample", "x", "--set", "sampling.steps=4", "--steps=9"])
    values = named_values(verb_options("sample"), options)
    assert values["overrides"] == ("sampling.steps=9", "sampling.steps=4")


def test_a_request_takes_its_own_fields_and_what_is_added() -> None:
    parser = argparse.ArgumentParser()
    options = (Option("target"), switch("raw", "--raw", "raw"), Option("seed", "--seed", natural))
    add_options(parser, options)
    request = make_request(
        TargetRequest, options, parser.parse_args(["digits", "--raw"]), device="cpu"
    )
    assert request == TargetRequest("digits", device="cpu")


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.0, "3"), (0.05, "0.05"), ((4, 6), "4,6"), (("a", "b"), "a,b"), (Path("a/b"), "a/b")],
)
def test_values_are_printed_as_they_are_typed(value: object, text: str) -> None:
    assert value_text(value) == text
