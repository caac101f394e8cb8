"""What this machine computes on: device, threads, precision, and how they are told to whoever reads a run later."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

from pellucid.engines.freed_memory import keep_freed_memory
from pellucid.errors import UsageError

#: bf16 has to take at most this share of float32's time to be chosen: a gain within the noise is no gain.
WORTHWHILE = 0.9
#: Seconds after which a probe takes no further turn beyond the third.
PATIENCE = 2.0
#: Whether this thread is within `threads`.
_inside = threading.local()
#: omp_pause_soft of OpenMP 5.0: what can be made anew is given up.
_SOFTLY = 1


def choose_device(wanted: str) -> str:
    """ "cpu" or "cuda" for "auto", "cpu" or "cuda". Raises UsageError where cuda is wanted and not there."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "device: expected a CUDA device, found none (torch.cuda.is_available() is false). "
            "Use --device cpu, or install a CUDA build of torch and its driver."
        )
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted


def generator_of(device: torch.device) -> torch.Generator:
    """The generator that modules on `device` draw from."""
    if device.type == "cuda":
        torch.cuda.init()
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator


@contextmanager
def threads(count: int | None) -> Iterator[int]:
    """Computes with `count` threads (None: as torch has it), denormals flushed to zero; gives the number.

    Denormals, which appear in the decaying states of recurrent layers and optimizers, slow a step many times over.
    Whether they are flushed is a mode of each thread, and those that compute beside this one got theirs when they
    began: where torch brings GNU OpenMP they are ended before and after, or bits would depend on what was computed
    earlier in the process. Within another `threads` denormals stay flushed to its end.
    """
    keep_freed_memory()
    before, outermost = torch.get_num_threads(), not getattr(_inside, "yes", False)
    if count is not None:
        torch.set_num_threads(count)
    if outermost:
        _flush(True)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
        if outermost:
            _flush(False)


def _flush(yes: bool) -> None:
    torch.set_flush_denormal(yes)
    _inside.yes = yes
    _end_workers()


def _end_workers() -> None:
    """Ends the threads that compute beside this one; the next computation begins others, in this one's modes."""
    library = _openmp()
    if library is not None:
        library.omp_pause_resource_all(_SOFTLY)


@cache
def _openmp() -> ctypes.CDLL | None:
    """The OpenMP library that came with torch, which has loaded it; None where it came with none, or an old one."""
    for place in (Path(torch.__file__).parent / "lib", Path(torch.__file__).parent.parent / "torch.libs"):
        for path in sorted(place.glob("libgomp*.so*")):
            library = ctypes.CDLL(str(path))
            return library if hasattr(library, "omp_pause_resource_all") else None
    return None


def has_fast_bf16(device: str) -> bool:
    """Whether a small matrix product (256 x 256) in bf16 takes no longer than in float32.

    Without instructions for it a processor emulates bf16, tens to hundreds of times slower: a whole training step
    would take minutes there, this takes milliseconds.
    """
    ones = torch.ones(256, 256, device=device)
    matrices = {"fp32": ones, "bf16": ones.bfloat16()}
    seconds = probe({name: partial(torch.matmul, matrix, matrix) for name, matrix in matrices.items()})
    return seconds["bf16"] <= seconds["fp32"]


def probe(steps: dict[str, Callable[[], Any]], *, warm_up: int = 3, repeats: int = 9) -> dict[str, float]:
    """Seconds of each step, the shortest of up to `repeats` taken in turn, after `warm_up` that are not measured.

    The first steps of a network take several times as long as the others: kernels are generated and memory is asked
    for. The shortest is what the machine can do; whatever else runs on it only adds.
    """

    def timed(step: Callable[[], Any]) -> float:
        start = time.perf_counter()
        step()
        if torch.cuda.is_initialized():  # a GPU was only given the step; a probe of the processor starts none
            torch.cuda.synchronize()
        return time.perf_counter() - start

    for step in steps.values():
        for _ in range(warm_up):
            step()
    best = dict.fromkeys(steps, float("inf"))
    begun = time.perf_counter()
    for turn in range(repeats):
        if turn >= 3 and time.perf_counter() - begun > PATIENCE:
            break
        for name, step in steps.items():
            best[name] = min(best[name], timed(step))
    return best


def environment() -> dict[str, Any]:
    """Versions, instruction set and device names: on what a run's bits depend besides its spec."""
    return {
        "torch": torch.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
