"""Training images per second with equal networks: ours and each peer in turn, on an idle machine.

python -m benchmarks.throughput                      # measures, writes JSON, prints the table
python -m benchmarks.throughput --markdown           # prints the table of the last measurement
python -m benchmarks.throughput --profile            # where our training step's time goes
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks import machine, profiling
from benchmarks.machine import Result, say
from benchmarks.matching import MATCHED, apart, check_match, check_torch
from benchmarks.process import Worker
from benchmarks.results import RESULTS, markdown, read, write
from benchmarks.sides import PEERS, Setup

PRECISIONS = ("fp32", "bf16")
PEAK_SECONDS = 0.3  # for each convolution
OFF = 0.3  # share of its own median by which a side is off in a round that something disturbed
REPEATS = 2  # of such a round, at most
HEADER = (
    "peer", "dtype", "peer, images/s", "ours, images/s", "ours / peer", "range",
    "parameters, ours / peer", "GFLOP an image, ours / peer", "ours, GFLOP/s", "peak, GFLOP/s",
    "utilization",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """Number of rounds, and seconds of training per side in each."""

    rounds: int
    seconds: float
    peers_python: Path | None = None


def measure_pair(setup: Setup, peer: str, plan: Plan) -> Result:
    """Measure ours and `peer` with the same batch size and dtype, in alternating order."""
    ours = replace(setup, side="ours", network=peer)
    theirs = replace(setup, side=peer)
    with Worker(ours) as one, Worker(theirs, plan.peers_python) as other:
        facts = {"ours": one.ask("facts"), "peer": other.ask("facts")}
        check_torch(peer, facts["ours"]["torch"], facts["peer"]["torch"])
        check_match(peer, facts["ours"]["parameters"], facts["peer"]["parameters"])
        for worker in (one, other):
            worker.ask("warm")

        def measure_round(number: int) -> dict[str, float]:
            turns = [("ours", one), ("peer", other)]
            rate: dict[str, float] = {}
            for side, worker in turns if number % 2 == 0 else reversed(turns):
                done = worker.ask("train", seconds=plan.seconds)
                rate[side] = setup.batch * done["steps"] / done["seconds"]
            return rate

        rounds = [measure_round(number) for number in range(plan.rounds)]
        rates = {side: [rate[side] for rate in rounds] for side in ("ours", "peer")}
        repeated = repeat_disturbed(rates, measure_round)
        peak = one.ask("peak", seconds=PEAK_SECONDS)["peak"]
    found = {"peer": peer, "precision": setup.precision, "rates": rates, "repeated": repeated}
    say(f"{peer} {setup.precision}: {statistics.median(ratios(rates)):.2f}")
    return {**found, "facts": facts, "peak": peak}


def repeat_disturbed(
    rates: dict[str, list[float]], measure_round: Callable[[int], dict[str, float]]
) -> list[Result]:
    """Replace the rates of disturbed rounds by new ones; return the old rates with their rounds.

    A round that is disturbed again is measured once more, and then kept.
    """
    aside: list[Result] = []
    for _ in range(REPEATS):
        for number in disturbed(rates):
            say(f"Round {number + 1}: a side is over {OFF:.0%} off its own median; measured again.")
            aside.append(
                {"round": number, **{side: found[number] for side, found in rates.items()}}
            )
            for side, rate in measure_round(number).items():
                rates[side][number] = rate
    for number in disturbed(rates):
        say(f"Round {number + 1} stays over {OFF:.0%} off: something else is running.")
    return aside


def disturbed(rates: dict[str, list[float]]) -> list[int]:
    """Return the rounds in which a side is more than `OFF` away from its own median."""
    off = {
        number
        for found in rates.values()
        for number, rate in enumerate(found)
        if abs(rate / statistics.median(found) - 1) > OFF
    }
    return sorted(off)


def ratios(rates: dict[str, list[float]]) -> list[float]:
    """Return the ratio of our rate to the peer's in each round, in which both ran one after the other."""
    return [ours / peer for ours, peer in zip(rates["ours"], rates["peer"], strict=True)]


def row(pair: Result) -> list[str]:
    """Return the line of the table for one peer and dtype."""
    ours, peer = (pair["facts"][side] for side in ("ours", "peer"))
    rate = {side: statistics.median(found) for side, found in pair["rates"].items()}
    found, speed = ratios(pair["rates"]), rate["ours"] * ours["flops"]
    more = [apart(ours[what], peer[what]) for what in ("parameters", "flops")]
    return [
        pair["peer"],
        pair["precision"],
        f"{rate['peer']:.1f}",
        f"{rate['ours']:.1f}",
        f"**{statistics.median(found):.2f}**",
        f"{min(found):.2f} to {max(found):.2f}",
        f"{ours['parameters']:,} / {peer['parameters']:,} ({more[0]:+.1%})",
        f"{ours['flops'] / 1e9:.2f} / {peer['flops'] / 1e9:.2f} ({more[1]:+.1%})",
        f"{speed / 1e9:.0f}",
        f"{pair['peak'] / 1e9:.0f}",
        f"{speed / pair['peak']:.0%}",
    ]


def table(result: Result) -> str:
    """Return the tables: every pair, the faster peer of each dtype, and the machine."""
    lines = [markdown(HEADER, [row(pair) for pair in result["pairs"]]), ""]
    for precision in dict.fromkeys(pair["precision"] for pair in result["pairs"]):
        pairs = [pair for pair in result["pairs"] if pair["precision"] == precision]
        fastest = max(pairs, key=lambda pair: statistics.median(pair["rates"]["peer"]))
        ratio = statistics.median(ratios(fastest["rates"]))
        lines.append(f"{precision}: {ratio:.2f} times the faster peer ({fastest['peer']}).")
    versions: dict[str, str] = {}
    for pair in result["pairs"]:
        versions |= pair["facts"]["peer"]["versions"]
    lines += [
        "",
        f"Batch {result['batch']}, 28x28, {result['rounds']} rounds of {result['seconds']:g} s a side, "
        f"device {result['device']}; {', '.join(f'{n} {v}' for n, v in versions.items())}.",
        machine.line(result["machine"]),
    ]
    if any(pair["facts"]["ours"].get("compiled") for pair in result["pairs"]):
        lines.append(
            "Ours by torch.compile, as in a long training on such a device; the peers without."
        )
    if aside := sum(len(pair.get("repeated", [])) for pair in result["pairs"]):
        lines.append(
            f"Measured again, a side being over {OFF:.0%} off its own median: {aside} rounds."
        )
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--peers", default=",".join(PEERS), help="default: %(default)s")
    parser.add_argument("--precisions", default=",".join(PRECISIONS), help="default: %(default)s")
    parser.add_argument("--batch", type=int, default=64, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=8, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=8.0, help="a side a round (default: 8)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    parser.add_argument("--peers-python", type=Path, help="interpreter with the peers installed")
    parser.add_argument("--json", type=Path, default=RESULTS / "throughput.json")
    parser.add_argument("--markdown", action="store_true", help="print the table of --json only")
    parser.add_argument("--profile", action="store_true", help="profile our training step instead")
    parser.add_argument(
        "--network",
        default="mnist",
        help=f"of --profile: a preset, or {', '.join(MATCHED)} for ours built alike (default: mnist)",
    )
    return parser.parse_args()


def main() -> None:
    options = arguments()
    threads = torch.get_num_threads()
    setup = Setup("ours", batch=options.batch, device=options.device, threads=threads)
    precisions = options.precisions.split(",")
    if options.profile:
        for precision in precisions:
            print(profiling.report(replace(setup, network=options.network, precision=precision)))
        return
    if not options.markdown:
        plan = Plan(options.rounds, options.seconds, options.peers_python)
        result: Result = {"machine": machine.describe(threads), "device": options.device}
        result |= {"batch": options.batch, "rounds": plan.rounds, "seconds": plan.seconds}
        result["pairs"] = [
            measure_pair(replace(setup, precision=precision), peer, plan)
            for precision in precisions
            for peer in options.peers.split(",")
        ]
        write(options.json, result)
    print(table(read(options.json)))


if __name__ == "__main__":
    main()
