"""Train small image classifiers, compare them honestly, and see what they learned.

>>> import pellucid as pl
>>> "lenet5" in pl.catalog.names("networks")
True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

#: Public names and where they live: looked up when first used, so that `import pellucid` loads no torch.
_WHERE = {
    "Augmentation": "pellucid.spec",
    "Classifier": "pellucid.verbs.classifier",
    "DataSpec": "pellucid.spec",
    "Images": "pellucid.images",
    "Network": "pellucid.spec",
    "PellucidError": "pellucid.errors",
    "Recipe": "pellucid.spec",
    "Run": "pellucid.verbs.run",
    "RunSpec": "pellucid.spec",
    "atlas": "pellucid.verbs.atlas",
    "catalog": "pellucid.catalog",
    "check": "pellucid.verbs.by_hand",
    "check_gradients": "pellucid.verbs.by_hand",
    "data": "pellucid.verbs.data",
    "doctor": "pellucid.verbs.doctor",
    "explain": "pellucid.verbs.by_hand",
    "lockstep": "pellucid.verbs.by_hand",
    "load_study": "pellucid.verbs.study",
    "look": "pellucid.verbs.look",
    "made_search": "pellucid.verbs.search",
    "made_study": "pellucid.verbs.made_study",
    "network": "pellucid.verbs.networks",
    "predict": "pellucid.verbs.predict",
    "run": "pellucid.verbs.runs",
    "runs": "pellucid.verbs.runs",
    "search": "pellucid.verbs.search",
    "spec": "pellucid.spec",
    "study": "pellucid.verbs.study",
    "train": "pellucid.verbs.train",
}

__all__ = ["__version__", *_WHERE]

if TYPE_CHECKING:
    from pellucid import catalog, spec
    from pellucid.errors import PellucidError
    from pellucid.images import Images
    from pellucid.spec import Augmentation, DataSpec, Network, Recipe, RunSpec
    from pellucid.verbs.atlas import atlas
    from pellucid.verbs.by_hand import check, check_gradients, explain, lockstep
    from pellucid.verbs.classifier import Classifier
    from pellucid.verbs.data import data
    from pellucid.verbs.doctor import doctor
    from pellucid.verbs.look import look
    from pellucid.verbs.made_study import made_study
    from pellucid.verbs.networks import network
    from pellucid.verbs.predict import predict
    from pellucid.verbs.run import Run
    from pellucid.verbs.runs import run, runs
    from pellucid.verbs.search import made_search, search
    from pellucid.verbs.study import load_study, study
    from pellucid.verbs.train import train


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'pellucid' has no attribute {name!r}; public names: {', '.join(_WHERE)}")
    module = import_module(_WHERE[name])
    return module if _WHERE[name] == f"pellucid.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
