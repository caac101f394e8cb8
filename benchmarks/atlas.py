"""The atlas of `vgg_small` on CIFAR-10 beside one plain evaluation pass, and beside two users of Captum.

    PELLUCID_DATA=... python benchmarks/atlas.py [--repeats 3] [--images 50000]

In turn, over the same images: a plain evaluation pass (logits alone), and the atlas of the four convolutions (nine
strongest of each of 704 channels, moments, classes, likeness, deconvnet and guided backpropagation of each). What the
projections cost at least is their FLOPs (a forward pass to the layer and two backward passes to the pixels for each)
at the rate of the plain pass. Then, once: a careful user of Captum, who streams the places of all layers in one pass
(LayerActivation) and asks one channel after the other for its nine images; and the natural loop, one pass over the
images a channel, extrapolated from eight channels. Peak memory is that of a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
import warnings
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from captum.attr import LayerActivation, NeuronDeconvolution, NeuronGuidedBackprop

from pellucid import catalog
from pellucid.engines.engine import engine
from pellucid.engines.pytorch import model as model_of
from pellucid.engines.pytorch import trainer
from pellucid.images import Images, Scaling
from pellucid.inspection._atlas import atlas
from pellucid.inspection._subject import BATCH, Subject
from pellucid.spec import Recipe
from pellucid.spec.shapes import trace
from pellucid.training.environment import cpu

K = 9
LAYERS = ("conv1", "conv2", "conv3", "conv4")
SHAPE = (32, 32, 3)


def trained(images: Images) -> Any:
    """`vgg_small` after one epoch: its channels differ."""
    network = catalog.load("networks", "vgg_small")(input_shape=SHAPE)
    some, recipe = images.take(np.arange(min(10_000, len(images)))), Recipe(epochs=1, batch_size=100)
    training = trainer(network, some, Scaling.unit(3), recipe, seed=0, precision="bf16")
    training.begin_epoch(1)
    for step in range(training.steps_per_epoch):
        training.step(step, 0.001)
    return model_of(network, SHAPE, Scaling.unit(3), training.weights())


def flops() -> tuple[float, float]:
    """Of one image through the whole network, and of all projections."""
    rows = trace(catalog.load("networks", "vgg_small")(input_shape=SHAPE), SHAPE)
    whole, so_far, projections = sum(2 * row.multiply_adds for row in rows), 0, 0
    for row in rows:
        so_far += 2 * row.multiply_adds
        if row.name in LAYERS:
            projections += 3 * so_far * row.output[2] * K
    return whole, projections


def careful(model: Any, images: Images) -> float:
    """Seconds of one streaming pass for the places, then a call for each channel and way on its nine images."""
    subject, start = Subject.of(model), time.perf_counter()
    module = model.module.eval()
    layers = [module.get_submodule(name) for name in LAYERS]
    best: list[list[torch.Tensor]] = [[] for _ in layers]
    activation = LayerActivation(module, layers)
    with torch.no_grad():
        for _, x in subject.batches(images):
            for kept, values in zip(best, activation.attribute(x), strict=True):
                kept.append(values.flatten(2).amax(2))
    for layer, kept in zip(layers, best, strict=True):
        top = torch.cat(kept).topk(K, dim=0).indices
        ways = NeuronDeconvolution(module, layer), NeuronGuidedBackprop(module, layer)
        for channel in range(top.shape[1]):
            x = subject.floats(images.take(top[:, channel].numpy()))
            for way in ways:
                way.attribute(x, neuron_selector=lambda out, channel=channel: out.flatten(2).amax(2)[:, channel])
    return time.perf_counter() - start


def natural(model: Any, images: Images, channels: int = 8) -> float:
    """Seconds for all channels, from `channels` of them, evenly over the layers: a pass over the images for each."""
    subject, module, seconds, total = Subject.of(model), model.module.eval(), 0.0, 0
    for name in LAYERS:
        layer = module.get_submodule(name)
        count = layer.out_channels
        total += count
        activation = LayerActivation(module, layer)
        start = time.perf_counter()
        for channel in range(channels // len(LAYERS)):
            with torch.no_grad():
                values = torch.cat(
                    [activation.attribute(x)[:, channel].flatten(1).amax(1) for _, x in subject.batches(images)]
                )
            x = subject.floats(images.take(values.topk(K).indices.numpy()))
            for way in (NeuronDeconvolution(module, layer), NeuronGuidedBackprop(module, layer)):
                way.attribute(x, neuron_selector=lambda out, channel=channel: out.flatten(2).amax(2)[:, channel])
        seconds += (time.perf_counter() - start) / (channels // len(LAYERS)) * count
    return seconds


def photographs(count: int) -> Images:
    found: Images = catalog.load("datasets", "cifar10")().train
    return found.take(np.arange(count))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--memory", type=int, help="print the peak memory of an atlas of so many images")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    with engine("pytorch").threads(None) as threads:
        if asked.memory:
            images = photographs(asked.memory)
            atlas(Subject.of(trained(images)), images, k=K, only=LAYERS)
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            return
        images = photographs(asked.images)
        model = trained(images)
        subject = Subject.of(model)
        print(
            f"{datetime.now(UTC):%Y-%m-%d} {cpu()}, torch {torch.__version__}, {threads} threads, "
            f"vgg_small, {len(images):,} images, k = {K}, {asked.repeats} turns, batches of {BATCH}"
        )
        plain, ours = [], []
        for _ in range(asked.repeats):
            start = time.perf_counter()
            model.logits(images)
            plain.append(time.perf_counter() - start)
            start = time.perf_counter()
            found = atlas(subject, images, k=K, only=LAYERS)
            ours.append(time.perf_counter() - start)
        a, b = float(np.median(plain)), float(np.median(ours))
        whole, projections = flops()
        bare = projections / (whole * len(images) / a)
        channels = sum(one.layer.shape[0] for one in found)
        print(f"plain evaluation pass        {a:8.1f} s  ({', '.join(f'{one:.1f}' for one in plain)})")
        print(f"atlas of {channels} channels        {b:8.1f} s  ({', '.join(f'{one:.1f}' for one in ours)})")
        print(
            f"projections' FLOPs alone     {bare:8.1f} s  ({projections / 1e12:.2f} TFLOP at the plain pass's rate)"
        )
        print(f"(atlas - projections' FLOPs) / plain: {(b - bare) / a:.2f}")
        seconds = careful(model, images)
        print(f"a careful user of Captum     {seconds:8.1f} s  {seconds / b:.1f} times the atlas")
        seconds = natural(model, images)
        print(f"the natural loop, from 8     {seconds:8.0f} s  {seconds / b:.0f} times the atlas")
    for count in (asked.images // 5, asked.images):
        command = [sys.executable, __file__, "--memory", str(count)]
        peak = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        print(f"peak memory, {count:,} images: {peak:,.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
