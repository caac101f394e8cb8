"""Judges drawn arms with ictonyx: JSON on stdin, whether each draw has a claim on stdout.

In: {"name": [[arm, arm, ...], ...]}, each arm a list of values. Two arms: its default of paired Wilcoxon; more: its
Kruskal-Wallis test and pairs by Mann-Whitney with Holm's correction. Out: {"name": [true, ...]}.
"""

from __future__ import annotations

import json
import sys
import warnings

import pandas as pd
from ictonyx.analysis import compare_multiple_models, paired_wilcoxon_test


def claimed(arms: list[list[float]]) -> bool:
    series = [pd.Series(values) for values in arms]
    if len(series) == 2:
        return bool(paired_wilcoxon_test(*series).is_significant(0.05))
    found = compare_multiple_models({f"arm {k}": one for k, one in enumerate(series)})
    return bool(found.significant_comparisons)


warnings.simplefilter("ignore")
asked = json.load(sys.stdin)
json.dump({name: [claimed(arms) for arms in draws] for name, draws in asked.items()}, sys.stdout)
