"""How often a study calls equal arms different, and how often it tells a real difference, on real runs.

    python benchmarks/equal_arms.py [--bank 300] [--draws 1000] [--seeds 10]

A bank of runs of one configuration (`mlp` on digits, hidden size 32, two epochs; one seed each), and one of a better
configuration (three epochs). Equal arms: sets of runs of the first bank, drawn without a run in two; a claim is
"better" or "worse". For families, four arms: is any of the six pairs claimed? Different arms: one set of each bank,
the second moved so that the means of the banks are a stated number of standard deviations apart. Half the runs: the
verdicts of 20 pairs, one set of each bank, are taken again from half their runs. Beside it the same four equal arms
judged by Welch's t test on every pair without correction, as scripts have it.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy import stats

from pellucid.evaluation.comparison import compare
from pellucid.verbs.study import made_study, study

BASE = {"network": "mlp", "data": "digits", "hidden_size": 32}


def bank(count: int, epochs: int, root: Path) -> np.ndarray:
    """Test accuracies of `count` runs, one a seed."""
    asked = made_study(f"bank-{epochs}", {**BASE, "epochs": epochs}, listed=[{"lr": 0.001}], seeds=count)
    found = study(asked, runs=root)
    return np.array(found.values({"lr": 0.001}), np.float64)


def share(draws: int, draw: Callable[[], bool]) -> str:
    """How many of `draws` are so, with Wilson's interval."""
    hits = sum(draw() for _ in range(draws))
    ends = stats.binomtest(hits, draws).proportion_ci(method="wilson")
    return f"{100 * hits / draws:.1f} % ({100 * ends.low:.1f} to {100 * ends.high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bank", type=int, default=300)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        equal, better = bank(asked.bank, 2, Path(folder)), bank(asked.bank, 3, Path(folder))
    generator, n = np.random.default_rng(0), asked.seeds
    effect = (better.mean() - equal.mean()) / equal.std(ddof=1)
    told = f"{100 * equal.mean():.2f} and {100 * better.mean():.2f} %, sd {100 * equal.std(ddof=1):.2f} points"
    print(f"{datetime.now(UTC):%Y-%m-%d} {platform.machine()}, {n} seeds an arm, {asked.draws} draws")
    print(f"banks of {asked.bank} runs: {told}, {effect:.2f} sd apart")

    def sets(count: int) -> list[np.ndarray]:
        return np.split(generator.permutation(equal)[: count * n], count)

    def claimed(arms: dict[str, np.ndarray]) -> list[str]:
        found = compare({name: values.tolist() for name, values in arms.items()})
        return [pair.verdict for pair in found if pair.verdict in ("better", "worse")]

    def equal_pair() -> bool:
        return bool(claimed(dict(zip("ab", sets(2), strict=True))))

    def equal_family() -> bool:
        return bool(claimed(dict(zip("abcd", sets(4), strict=True))))

    def different(scale: float) -> bool:
        first, second = generator.choice(better, n, replace=False), generator.choice(equal, n, replace=False)
        moved = second + (better.mean() - equal.mean()) - scale * equal.std(ddof=1)
        return claimed({"a": first, "b": moved}) == ["better"]

    def welch() -> bool:
        arms = sets(4)
        return any(
            stats.ttest_ind(arms[i], arms[j], equal_var=False).pvalue <= 0.05
            for i in range(4)
            for j in range(i + 1, 4)
        )

    print(f"equal arms called different, two arms: {share(asked.draws, equal_pair)}")
    print(f"equal arms called different, any pair of four arms: {share(asked.draws, equal_family)}")
    print(f"the same four arms, Welch's t test on each pair without correction: {share(asked.draws, welch)}")
    for scale in (1.0, 1.5, 2.0):
        print(f"a difference of {scale:g} sd told: {share(asked.draws // 2, lambda scale=scale: different(scale))}")
    same = 0
    for _ in range(20):
        first, second = generator.choice(better, n, replace=False), generator.choice(equal, n, replace=False)
        whole = claimed({"a": first, "b": second})
        half = claimed({"a": first[: n // 2], "b": second[: n // 2]})
        same += whole == half
    print(f"the same verdict from half the runs, of 20 pairs: {same}")


if __name__ == "__main__":
    main()
