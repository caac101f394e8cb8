"""How often a study calls equal arms different, and how often it tells a real difference, on real runs.

    python benchmarks/equal_arms.py [--bank 300] [--draws 1000] [--seeds 10] [--references DIR]

A bank of runs of one configuration (`mlp` on digits, hidden size 32, two epochs; one seed each), and one of a better
configuration (three epochs). Equal arms: sets of runs of the first bank, drawn without a run in two; a claim is
"better" or "worse". For families, four arms: is any of the six pairs claimed? Different arms: one set of each bank,
the second moved so that the means of the banks are a stated number of standard deviations apart. Beside it, on the
same draws, Welch's t test on every pair without correction, as scripts have it, and ictonyx with its defaults, in a
virtual environment of its own, made on the first run in DIR.

Intervals: of 5 to 20 runs of a bank, how often does the interval hold the bank's mean? Beside it, the bootstrap (BCa)
as SciPy has it.

Half the runs: the verdicts of 20 pairs, one set of each bank, taken again from half their runs. Until it is clear:
seeds are added as `--until-clear` does it, up to 20 of its 40, beside a fixed design of 20 seeds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy import stats

from pellucid.evaluation.comparison import ALPHA, LOOKS, compare, interval
from pellucid.training.environment import cpu
from pellucid.verbs.made_study import made_study
from pellucid.verbs.study import study
from reference_environment import python_with

BASE = {"network": "mlp", "data": "digits", "hidden_size": 32}
SCALES = (1.0, 1.5, 2.0)
#: Runs of which an interval is taken.
SIZES = (5, 7, 10, 20)
HERE = Path(__file__).parent
#: Runs of a fixed design that `--until-clear` is compared with.
FIXED = 20

Arms = list[np.ndarray]


def bank(count: int, epochs: int, root: Path) -> np.ndarray:
    """Test accuracies of `count` runs, one a seed."""
    asked = made_study(f"bank-{epochs}", {**BASE, "epochs": epochs}, listed=[{"lr": 0.001}], seeds=count)
    found = study(asked, runs=root)
    return np.array(found.values({"lr": 0.001}), np.float64)


def share(hits: list[bool]) -> str:
    """How many are so, with Wilson's interval."""
    ends = stats.binomtest(sum(hits), len(hits)).proportion_ci(method="wilson")
    return f"{100 * sum(hits) / len(hits):.1f} % ({100 * ends.low:.1f} to {100 * ends.high:.1f})"


def claimed(arms: Arms) -> bool:
    found = compare({str(k): values.tolist() for k, values in enumerate(arms)})
    return any(pair.verdict in ("better", "worse") for pair in found)


def welch(arms: Arms) -> bool:
    pairs = [(a, b) for i, a in enumerate(arms) for b in arms[i + 1 :]]
    return any(stats.ttest_ind(a, b, equal_var=False).pvalue <= 0.05 for a, b in pairs)


def ictonyx(draws: dict[str, list[Arms]], home: Path) -> tuple[str, dict[str, list[bool]]]:
    """Its version and what it claims."""
    python = python_with(home, ["ictonyx"])
    plain = {name: [[arm.tolist() for arm in arms] for arms in of] for name, of in draws.items()}
    told = subprocess.run(
        [python, HERE / "references" / "ictonyx_arms.py"],
        input=json.dumps(plain),
        capture_output=True,
        text=True,
        check=True,
    )
    version = subprocess.run(
        [python, "-c", "from importlib.metadata import version; print(version('ictonyx'))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return version.stdout.strip(), json.loads(told.stdout)


def until_clear(first: np.ndarray, second: np.ndarray) -> int | None:
    """Seeds at the look that says that the arms differ; None if none does."""
    for look in (look for look in LOOKS if look <= len(first)):
        found = compare({"a": first[:look].tolist(), "b": second[:look].tolist()}, alpha=ALPHA / len(LOOKS))
        if found[0].verdict in ("better", "worse"):
            return look
    return None


def plain_interval(values: np.ndarray) -> tuple[float, float]:
    """The bootstrap's without widening."""
    if np.ptp(values) == 0:
        return values[0], values[0]
    found = stats.bootstrap((values,), np.mean, method="BCa", rng=np.random.default_rng(0)).confidence_interval
    return found.low, found.high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bank", type=int, default=300)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--references", type=Path, default=HERE / ".venv" / "ictonyx")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        equal, better = bank(asked.bank, 2, Path(folder)), bank(asked.bank, 3, Path(folder))
    generator, n, sd = np.random.default_rng(0), asked.seeds, equal.std(ddof=1)
    effect = (better.mean() - equal.mean()) / sd
    told = f"{100 * equal.mean():.2f} and {100 * better.mean():.2f} %, sd {100 * sd:.2f} points"
    print(f"{datetime.now(UTC):%Y-%m-%d} {cpu()}, {n} seeds an arm, {asked.draws} draws")
    print(f"banks of {asked.bank} runs: {told}, {effect:.2f} sd apart")

    def sets(count: int) -> Arms:
        return np.split(generator.permutation(equal)[: count * n], count)

    def apart(scale: float, size: int) -> Arms:
        first, second = (generator.choice(one, size, replace=False) for one in (better, equal))
        return [first, second + (better.mean() - equal.mean()) - scale * sd]

    draws: dict[str, list[Arms]] = {
        "equal arms called different, two arms": [sets(2) for _ in range(asked.draws)],
        "equal arms called different, any pair of four arms": [sets(4) for _ in range(asked.draws)],
    }
    for scale in SCALES:
        draws[f"a difference of {scale:g} sd told"] = [apart(scale, n) for _ in range(asked.draws // 2)]
    version, theirs = ictonyx(draws, asked.references)
    print(f"{'':52} pellucid, Welch without correction, ictonyx {version}")
    for name, of in draws.items():
        ours = share([claimed(arms) for arms in of])
        print(f"{name:52} {ours}, {share([welch(arms) for arms in of])}, {share(theirs[name])}")
    print(f"{'':52} pellucid, BCa as it is")
    for size in SIZES:
        drawn = [
            (one.mean(), generator.choice(one, size)) for one in (equal, better) for _ in range(asked.draws // 2)
        ]
        held = [
            share([low <= mean <= high for mean, (low, high) in ((mean, make(values)) for mean, values in drawn)])
            for make in (interval, plain_interval)
        ]
        print(f"{f'the interval of {size} runs holds the mean':52} {', '.join(held)}")
    same = sum(
        claimed(arms) == claimed([one[: n // 2] for one in arms]) for arms in (apart(effect, n) for _ in range(20))
    )
    print(f"the same verdict from half the runs, of 20 pairs: {same}")
    print(f"seeds added until it is clear, up to {FIXED}, beside {FIXED} at once:")
    for scale in (0.0, *SCALES, 3.0):
        counts, fixed = [], []
        for _ in range(asked.draws // 2):
            first, second = apart(scale, FIXED) if scale else np.split(generator.permutation(equal)[: 2 * FIXED], 2)
            counts.append(until_clear(first, second))
            fixed.append(claimed([first, second]))
        runs = np.mean([FIXED if one is None else one for one in counts])
        clear = share([one is not None for one in counts])
        print(
            f"  {scale:g} sd: called different in {clear}, after {runs:.1f} seeds on average; at once {share(fixed)}"
        )


if __name__ == "__main__":
    main()
