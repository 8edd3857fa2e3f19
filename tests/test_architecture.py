"""The floors of docs/architecture.md, read from the syntax trees: lazy and type-only imports count."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import pytest

import ddpm
from ddpm.commands import COMMANDS, GROUPS, command_module
from ddpm.config import FAMILIES, NetworkConfig
from ddpm.networks.kinds import NETWORKS

FLOORS = (  # top floor first; units on one floor may not import one another
    "cli studio",
    "commands",
    "api",
    "scoring",
    "loading sampling",
    "training",
    "models presets",
    "optim",
    "diffusion networks data evaluation visuals documents config",
    "runs terminal",
    "files locking randomness construction device distributed quantities old_messages",
    "arguments",
    "errors lazy messages",
)
FLOOR = {unit: height for height, units in enumerate(reversed(FLOORS)) for unit in units.split()}
OUTSIDE = {"__init__", "__main__"}
STANDARD_ONLY = {"config", "runs", "presets", "errors", "files", "lazy", "quantities"} | {
    "messages",
    "old_messages",
}
MATHEMATICS = {"__future__", "collections.abc", "dataclasses", "math", "torch", "typing"}
MATHEMATICS |= {"difflib", "ddpm.arguments"}  # for errors
LISTENER = "studio/listener.py"  # accepts connections, opens none
NETWORK = {"ftplib", "http", "requests", "socket", "ssl", "urllib", "urllib3"}
RUN_NAMES = {
    "metrics.jsonl",
    "config.json",
    "environment.json",
    "loss.png",
    "samples.png",
    "denoising.gif",
    "evaluation.json",
    "sampler-lab.json",
    "sampler-lab.png",
}
FAMILY_MODULES = {f"models.{name}" for name in FAMILIES}
# kinds of network beside the default one and imported ones, which other rooms convert from other programs
KINDS = {n: row for n, row in NETWORKS.items() if n != NetworkConfig.kind and not row.imported}
KIND_MODULES = {row.make.__module__.removeprefix("ddpm.") for row in KINDS.values()}
_SHARED = {*NETWORKS[NetworkConfig.kind].settings}
KIND_SETTINGS = {name for row in KINDS.values() for name in row.settings} - _SHARED
KIND_TEXT = re.compile(rf"network\.(kind=({'|'.join(KINDS)})|{'|'.join(KIND_SETTINGS)})\b")
MAY_NAME_KINDS = ("networks/", "config/", "presets.py", "commands/report/words/")
SHAPELESS = {"utils.py", "helpers.py", "common.py", "misc.py"}

UNMIRRORED = {
    "__init__.py",
    "__main__.py",
    "command.py",
}  # command.py: tests/commands/test_options.py
TABLES = {"commands/report/words"}  # tables of words that share test_languages.py
CROSS_CUTTING = {  # tests about no single module, by folder or file
    "benchmarks": "benchmarks/, which is outside the package",
    "distributed": "training, sampling and measuring with several real processes",
    "faults": "kills, full disks, damaged and hostile files, versions before",
    "notebooks": "notebooks/",
    "page": "the studio's page in a real browser",
    "test_architecture.py": "imports, names and places of all files",
    "test_default_types.py": "torch.set_default_dtype and torch.set_default_device change nothing",
    "test_docs.py": "commands, links and names in the documents",
    "test_global_state.py": "torch's global generators are neither used nor changed",
    "test_package.py": "wheel and sdist",
    "test_public_api.py": "the functions of ddpm, their signatures and examples",
}

Tree = Mapping[str, str]  # path below the package, with slashes → source


def imported(path: str, tree: ast.Module) -> Iterator[str]:
    """Full names of what a file imports, relative imports resolved, inside functions too."""
    folder = ["ddpm", *PurePosixPath(path).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            of_root = module == "ddpm"  # `from ddpm import config` means the unit ddpm.config
            yield from ([f"ddpm.{alias.name}" for alias in node.names] if of_root else [module])


def literals(tree: ast.Module) -> Iterator[object]:
    """Constants of a file, docstrings left out."""
    bare = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    nodes = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in bare)
    return (node.value for node in nodes)


def violations(sources: Tree) -> list[str]:
    """Every breach of the rules of imports and of names, a sentence each."""
    found = []
    for path, source in sources.items():
        tree = ast.parse(source)
        unit = PurePosixPath(path).parts[0].removesuffix(".py")
        if unit in OUTSIDE:
            continue
        if unit not in FLOOR:
            found.append(f"{path} stands on no floor")
            continue
        found += [f"{path} {breach}" for breach in _breaches(path, unit, tree)]
    return found


def _breaches(path: str, unit: str, tree: ast.Module) -> Iterator[str]:
    for name in imported(path, tree):
        package, _, inner = name.partition(".")
        target = inner.split(".")[0]
        if unit == target == "commands" and _reaches_into_another(path, inner):
            yield f"imports {name}: another command only through its __init__"
        if package == "ddpm" and target != unit and FLOOR.get(target, 99) >= FLOOR[unit]:
            yield f"imports {name}: not downwards"
        if unit in STANDARD_ONLY:
            standard = sys.stdlib_module_names if package != "ddpm" else ()
            if package not in standard and target not in STANDARD_ONLY:
                yield f"imports {name}: not the standard library"
        if unit == "diffusion" and not _mathematical(name):
            yield f"imports {name}: not mathematics"
        if package in NETWORK and path not in ("data/download.py", LISTENER):
            yield f"imports {name}: only data/download.py opens the network"
        if package == "torchvision":
            yield "imports torchvision"
        if inner in FAMILY_MODULES and unit != "models":
            yield f"imports {name}: ask for a capability of models/base.py instead"
    if unit != "models" and path != "config/families.py":
        for name in sorted(_compared(tree) & FAMILIES.keys()):
            yield f"compares with {name}: ask for a capability of config.family instead"
    if not path.startswith(MAY_NAME_KINDS):
        yield from _kinds_named(path, tree)
    for value in literals(tree):
        if value == 127.5 and path != "data/pixels.py":
            yield "scales pixels: only data/pixels.py knows 127.5"
        if isinstance(value, str) and value.split("/")[-1] in RUN_NAMES and path != "runs.py":
            yield f"spells {value}: only runs.py names the files of a run"


def _kinds_named(path: str, tree: ast.Module) -> Iterator[str]:
    """Yield where a file names a kind of network or a setting of its own (docs/extending.md)."""
    named = {inner for name in imported(path, tree) if (inner := name[5:]) in KIND_MODULES}
    for value in literals(tree):
        of_paper = path == "documents/citations.py"  # its keys are papers
        if isinstance(value, str) and ((value in KINDS and not of_paper) or KIND_TEXT.match(value)):
            named.add(value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in KIND_SETTINGS:
            owner = node.value
            if (
                owner.attr if isinstance(owner, ast.Attribute) else ast.unparse(owner)
            ) == "network":
                named.add(f"network.{node.attr}")
    yield from (f"names {name}: ask the row in networks/kinds.py instead" for name in sorted(named))


def _compared(tree: ast.Module) -> set[object]:
    """Constants that a file compares with, `match` included."""
    tests = [n for n in ast.walk(tree) if isinstance(n, ast.Compare | ast.MatchValue)]
    nodes = [node for test in tests for node in ast.walk(test)]
    return {node.value for node in nodes if isinstance(node, ast.Constant)}


def _reaches_into_another(path: str, inner: str) -> bool:
    """Whether a file of one verb's folder imports a module inside another verb's folder."""
    own, parts = PurePosixPath(path).parts, inner.split(".")
    return len(own) > 2 and len(parts) > 2 and own[1] != parts[1]


def circles(sources: Tree) -> list[list[str]]:
    """Groups of modules that import one another in a circle (Tarjan's strongly connected components)."""
    names = {_module(path): path for path in sources}
    arrows = {
        name: {t for i in _imported_modules(path, sources[path], names) if (t := i) != name}
        for name, path in names.items()
    }
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in sorted(arrows[name]):
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in names:
        if name not in order:
            visit(name)
    return found


def _module(path: str) -> str:
    parts = ["ddpm", *PurePosixPath(path).with_suffix("").parts]
    return ".".join(parts).removesuffix(".__init__")


def _imported_modules(path: str, source: str, names: Mapping[str, str]) -> Iterator[str]:
    """Modules of the package that a file imports, `from package import module` resolved."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield from (n for n in (whole, node.module) if n in names and n != "ddpm")


def _mathematical(name: str) -> bool:
    own = name == "ddpm.diffusion" or name.startswith("ddpm.diffusion.")
    return own or any(name == m or name.startswith(f"{m}.") for m in MATHEMATICS)


def untested_modules(sources: Tree, tests: Iterable[str]) -> list[str]:
    """Return the modules with a function or class that have no test file at the mirrored place."""
    return [
        path
        for path, source in sources.items()
        if _needs_tests(path, source) and _mirror(path) not in set(tests)
    ]


def _needs_tests(path: str, source: str) -> bool:
    place = PurePosixPath(path)
    if place.name in UNMIRRORED or str(place.parent) in TABLES:
        return False
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return any(isinstance(node, kinds) for node in ast.parse(source).body)


def _mirror(path: str) -> str:
    """Return the place of a module's tests: data/zips.py → data/test_zips.py."""
    return PurePosixPath(path).with_name(f"test_{PurePosixPath(path).name}").as_posix()


def stray_tests(sources: Tree, tests: Iterable[str]) -> list[str]:
    """Return the test files that are named for no module: not test_NAME.py or test_NAME_ASPECT.py."""
    places = {PurePosixPath(path).with_suffix("") for path in sources}
    strays = []
    for test in tests:
        place = PurePosixPath(test)
        words = place.stem.removeprefix("test_").split("_")
        names = {"_".join(words[: count + 1]) for count in range(len(words))}
        mirrored = any(place.with_name(name) in places for name in names)
        if not mirrored and place.parts[0] not in CROSS_CUTTING:
            strays.append(test)
    return strays


def names_of_tests() -> list[str]:
    root = Path(__file__).parent
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("test_*.py"))


def package_sources() -> Tree:
    root = Path(ddpm.__file__).parent
    files = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*.py"))}
    return {name: path.read_text(encoding="utf-8") for name, path in files.items()}


def test_the_package_keeps_its_floors() -> None:
    sources = package_sources()
    assert len(sources) > 50
    assert violations(sources) == []


def test_there_is_no_circle() -> None:
    assert circles(package_sources()) == []


def test_circles_are_seen_in_lazy_and_type_only_imports() -> None:
    lazy = "def f():\n    from ddpm.data.b import x"
    typed = "if TYPE_CHECKING:\n    from ddpm.data import a"
    assert circles({"data/a.py": lazy, "data/b.py": typed, "data/c.py": "import ddpm.data.a"}) == [
        ["ddpm.data.a", "ddpm.data.b"]
    ]


def test_every_module_has_its_tests_at_the_mirrored_place() -> None:
    assert untested_modules(package_sources(), names_of_tests()) == []


def test_every_test_file_is_named_for_a_module() -> None:
    assert stray_tests(package_sources(), names_of_tests()) == []


def test_a_missing_test_file_is_seen() -> None:
    sources = {
        "data/zips.py": "def zip_source(): ...",
        "data/words.py": "X = 1",
        "data/command.py": "def run(): ...",
        "commands/report/words/languages.py": "def language(): ...",
        "server.py": "async def serve(): ...",
    }
    assert untested_modules(sources, []) == ["data/zips.py", "server.py"]
    assert untested_modules(sources, ["data/test_zips.py", "models/test_server.py"]) == [
        "server.py"
    ]


def test_a_test_file_of_no_module_is_seen() -> None:
    sources = {"data/zips.py": "", "models/ddpm.py": "", "runs.py": ""}
    tests = [
        "data/test_zips.py",
        "models/test_ddpm_sampling.py",
        "test_runs.py",
        "faults/test_kills.py",
    ]
    assert stray_tests(sources, tests) == []
    strays = ["models/test_zips.py", "test_ddpm.py", "data/test_zip_bombs.py"]
    assert stray_tests(sources, strays) == strays


def test_no_two_files_of_the_package_share_a_name() -> None:
    counts = Counter(PurePosixPath(path).name for path in package_sources())
    assert {name for name, count in counts.items() if count > 1} == {"__init__.py", "command.py"}


def test_each_command_is_a_folder_and_a_row() -> None:
    modules = {command_module(verb) for verb in COMMANDS}
    sources = package_sources()
    assert modules == {_module(path) for path in sources if path.endswith("/command.py")}
    assert all(row.group in GROUPS for row in COMMANDS.values())


def test_no_file_is_named_for_nothing() -> None:
    package, tests = Path(ddpm.__file__).parent, Path(__file__).parent
    names = [*package.rglob("*.py"), *tests.rglob("*.py")]
    assert [path for path in names if path.name in SHAPELESS] == []


@pytest.mark.parametrize(
    ("path", "source", "breach"),
    [
        ("diffusion/process.py", "import ddpm.networks.unet", "not downwards"),
        ("data/batches.py", "def f():\n    from ddpm.visuals.grids import grid", "not downwards"),
        ("models/ddpm.py", "from ddpm import training", "not downwards"),
        ("models/ddpm.py", "from ..training.loop import train", "not downwards"),
        ("training/loop.py", "if TYPE_CHECKING:\n    import ddpm.cli", "not downwards"),
        ("files.py", "from ddpm.runs import RunFolder", "not downwards"),
        ("errors.py", "from ddpm import files", "not downwards"),
        ("studio/server.py", "from ddpm.cli import main", "not downwards"),
        ("diffusion/timesteps.py", "import numpy", "not mathematics"),
        ("diffusion/timesteps.py", "from ddpm.errors import RequestError", "not mathematics"),
        ("diffusion/timesteps.py", "from pathlib import Path", "not mathematics"),
        ("runs.py", "import torch", "not the standard library"),
        ("presets.py", "from ddpm.diffusion.schedules import SCHEDULES", "not the standard library"),
        ("models/ddpm.py", "import torchvision.ops", "torchvision"),
        ("commands/train/train.py", "import urllib.request", "opens the network"),
        ("visuals/grids.py", "x = image / 127.5 - 1", "127.5"),
        ("commands/train/train.py", "path = run / 'metrics.jsonl'", "only runs.py"),
        ("commands/train/train.py", "path = f'{run}/loss.png'", "only runs.py"),
        ("sampling/samples.py", "x = config.model == 'ddpm'", "compares with ddpm"),
        ("optim/muon.py", "x = config.model not in ('a', 'student')", "compares with student"),
        ("config/checks.py", "match config.model:\n    case 'dcgan':\n        x = 1", "compares with"),
        ("loading/guides.py", "from ddpm.models.ddpm import Ddpm", "ask for a capability"),
        ("utilities/text.py", "x = 1", "no floor"),
        (
            "commands/bundle/bundle.py",
            "from ddpm.commands.report.report import write_report",
            "another command only through its __init__",
        ),
        ("training/loop.py", "from ddpm.loading.models import open_model", "not downwards"),
        ("sampling/samples.py", "from ddpm.loading.models import open_model", "not downwards"),
        ("networks/unet.py", "from ddpm.config import NetworkConfig", "not downwards"),
        ("models/ddpm.py", "from ddpm.networks.dit import DiffusionTransformer", "names networks.dit"),
        ("models/sources.py", "x = {'edm2': 'lengths'}", "names edm2"),
        ("commands/plan/plan.py", "x = config.network.depth", "names network.depth"),
        ("commands/plan/plan.py", "x = network.long_skips", "names network.long_skips"),
        ("api.py", "x = 'network.kind=dit'", "names network.kind=dit"),
        ("api.py", "x = f'network.heads={n}'", "names network.heads"),
    ],
)  # fmt: skip
def test_each_breach_is_seen(path: str, source: str, breach: str) -> None:
    assert any(breach in found for found in violations({path: source}))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("models/ddpm.py", "from ddpm.diffusion.process import add_noise\nimport ddpm.device"),
        ("models/ddpm.py", "from .ema import Ema\nfrom ..networks import unet"),
        ("diffusion/process.py", "import torch.nn.functional as F\nfrom ddpm.diffusion import x"),
        ("runs.py", '"""runs/name/metrics.jsonl"""\nfrom ddpm.errors import RequestError'),
        ("training/log.py", '"""metrics.jsonl"""\nx = "no config.json here"'),
        ("data/download.py", "import urllib.request"),
        ("models/student.py", "from ddpm.models.ddpm import Ddpm\nx = config.model == 'student'"),
        ("config/families.py", "x = name == 'ddpm'"),
        ("cli/parser.py", "x = Parser(prog='ddpm')\ny = {'dcgan': 1}['dcgan']"),
        ("data/pixels.py", "x = 127.5"),
        ("models/ddpm.py", "from ddpm.networks.kinds import NETWORKS\nx = image.width"),
        ("networks/kinds.py", "from ddpm.networks.dit import x\ny = {'dit': 'network.depth'}"),
        ("documents/citations.py", "x = {'dit': 1}"),
        ("__init__.py", "from ddpm.cli import main"),
        ("commands/bundle/bundle.py", "from ddpm.commands.report import write_report"),
    ],
)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    assert violations({path: source}) == []
