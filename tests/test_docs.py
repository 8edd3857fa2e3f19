"""The documents are tested: their code runs, and their commands, files and functions exist."""

from __future__ import annotations

import argparse
import ast
import pkgutil
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

import ddpm
from ddpm.cli.parser import build_parser
from scripts import command_reference, site_links

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
CARDS = sorted((ROOT / "src" / "ddpm").rglob("*.md"))
TEXTS = [*PAGES, *CARDS, ROOT / "CHANGELOG.md"]


def options_of(words: list[str]) -> set[str]:
    """Return the options of the command that `words` begins with; AssertionError if there is none."""
    parser = build_parser()
    while verbs := {
        verb: below
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for verb, below in action.choices.items()
    }:
        if not words or words[0].startswith("-"):
            break
        assert words[0] in verbs, words
        parser, words = verbs[words[0]], words[1:]
    return {option for action in parser._actions for option in action.option_strings}


def test_the_readme_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert code is not None
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {}
    exec(compile(code[1], "README.md", "exec"), scope)
    assert len(scope["losses"]) == 10  # type: ignore[arg-type]
    assert (tmp_path / "squares.png").is_file()


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_commands_in_the_documents_can_be_parsed(document: Path) -> None:
    for block in re.findall(r"```\n(.*?)```", document.read_text("utf-8"), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("ddpm ") and "--help" not in line:
                words = shlex.split(line.split("#")[0])[1:]
                assert hasattr(build_parser().parse_args(words), "command"), line


@pytest.mark.parametrize(
    "document", TEXTS, ids=lambda document: f"{document.parent.name}/{document.name}"
)
def test_commands_within_the_text_have_the_options_they_show(document: Path) -> None:
    for command in re.findall(r"`ddpm ([^`]+)`", document.read_text("utf-8")):
        words = command.split()
        shown = {word for word in words if word.startswith("--")}
        assert shown <= options_of(words), command


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_programs_beside_the_package_have_the_options_they_show(document: Path) -> None:
    found = re.findall(
        r"python -m ((?:benchmarks|tests)[.\w]+)([^`#\n]*)", document.read_text("utf-8")
    )
    for module, words in found:
        source = (ROOT / f"{module.replace('.', '/')}.py").read_text("utf-8")
        for option in re.findall(r"--\w[\w-]*", words):
            assert f'"{option}"' in source, f"{module} {option}"


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_links_in_the_documents_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", document.read_text("utf-8")):
        if not link.startswith("http"):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_the_command_reference_is_current() -> None:
    """Write it anew with `make reference`."""
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    assert command_reference.reference() == page


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"([\w-]+\.md)$", navigation, re.MULTILINE)
    assert sorted(listed) == sorted(page.name for page in (ROOT / "docs").glob("*.md"))


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", index))
    assert linked == {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}


def test_the_site_names_no_other_host() -> None:
    """Fonts and scripts come with the pages; links that leave docs/ become text."""
    configuration = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert "font: false" in configuration and "http" not in configuration
    text = site_links.on_page_markdown("see [the card](../src/a.md#b) and [results](results.md)")
    assert text == "see the card (`src/a.md`) and [results](results.md)"


@pytest.mark.parametrize(
    "document", TEXTS, ids=lambda document: f"{document.parent.name}/{document.name}"
)
def test_files_named_with_their_folder_exist(document: Path) -> None:
    for name in re.findall(
        r"`((?:tests|benchmarks|scripts|src)/[\w/.-]+)`", document.read_text("utf-8")
    ):
        assert (ROOT / name).exists(), name


def test_making_clean_leaves_trained_runs() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "rm -rf" in makefile and not re.search(r"rm -rf.*\bruns/?(\s|$)", makefile, re.MULTILINE)


def test_public_names_are_sorted_and_there() -> None:
    assert ddpm.__all__ == sorted(ddpm.__all__)
    for name in ddpm.__all__:
        assert getattr(ddpm, name) is not None
        assert name in dir(ddpm)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        ddpm.trian  # noqa: B018


def test_type_checkers_know_every_public_name() -> None:
    stub = Path(ddpm.__file__).with_suffix(".pyi").read_text("utf-8")
    imports = [node for node in ast.parse(stub).body if isinstance(node, ast.ImportFrom)]
    found = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in imports
        for alias in node.names
    }
    homes = {name: home.partition(":") for name, home in ddpm._MODULES.items()}
    assert found == {name: (home, own or name) for name, (home, _, own) in homes.items()}


def test_every_function_in_the_course_exists() -> None:
    page = (ROOT / "docs" / "course.md").read_text("utf-8")
    found = re.findall(
        r"`((?:commands|config|data|diffusion|models|networks|optim|randomness|sampling|training|visuals)\.[\w.]+)[`(]",
        page,
    )
    assert len(found) > 12
    for name in set(found) - {"config.json"}:
        assert pkgutil.resolve_name(f"ddpm.{name}") is not None


def test_every_function_in_the_mathematics_exists() -> None:
    table = (ROOT / "docs" / "mathematics.md").read_text("utf-8")
    for row in re.findall(r"^\|.*\|(.*)\|$", table, re.MULTILINE)[2:]:
        module = None
        for name in re.findall(r"`([\w.]+)`", row):
            *path, last = name.split(".")
            if path and path[0] in ("models", "networks", "optim"):
                owner = import_module(f"ddpm.{path[0]}.{path[1] if len(path) > 1 else last}")
                path = path[2:]
            elif path and path[0][0].islower():
                module = owner = import_module(f"ddpm.diffusion.{path[0]}")
                path = path[1:]
            elif path:
                owner = import_module("ddpm.diffusion.schedules")
            elif module is not None:
                owner = module
            else:
                import_module(f"ddpm.diffusion.{last}")
                continue
            for part in path:
                owner = getattr(owner, part)
            assert hasattr(owner, last) or owner.__name__.endswith(last), name
