"""How soon the app answers to a stroke: one hand in a browser, and many clients while a training runs.

    PELLUCID_DATA=... python benchmarks/live.py [CLIENTS [SECONDS]]

Trains `lenet5` on MNIST for one epoch and serves the run. First Chromium, headless, draws on the Live page; the
time from each pointer event to the moment its answer is drawn (probabilities and all maps) is the page's own,
medians over the last 50 events of three drawings. Then, while a training of the same network on MNIST goes on
beside the server, CLIENTS (50) connections each send ten drawings a second for SECONDS (60), one at a time, the
next one only after the answer, as the page does. Every answer is compared with what the network answers to that
drawing alone: its number, its picture and its probabilities. Prints errors, mixed answers, and quantiles of the
seconds from question to answer.
"""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import torch

from pellucid.training.environment import cpu
from pellucid.verbs.live import FINE, Live
from pellucid.verbs.run import Run
from pellucid.verbs.train import train

#: Seconds between two drawings of a client, and drawings that all of them choose from.
PACE, DRAWINGS = 0.1, 200
TOKEN = "a-token-for-measuring"


def served(root: Path) -> tuple[subprocess.Popen[str], str]:
    """The app, and its address."""
    words = [sys.executable, "-m", "pellucid", "serve", str(root), "--port", "0", "--token", TOKEN, "--no-open"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    found = next(match for line in process.stderr if (match := re.search(r"(http://[^/]+)/enter", line)))
    where = urlsplit(found[1])
    for _ in range(300):
        with suppress(OSError):
            entered(where.hostname or "", where.port or 0)
            return process, found[1]
        time.sleep(0.1)
    raise RuntimeError("the server does not answer")


def entered(host: str, port: int) -> str:
    """The session's cookie."""
    connection = HTTPConnection(host, port, timeout=60)
    connection.request("GET", f"/enter?token={TOKEN}")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return (answer.getheader("set-cookie") or "").partition(";")[0]


def hand(address: str, run_id: str) -> list[float]:
    """Milliseconds from hand to answer, one median a drawing of 50 strokes, in a browser."""
    from playwright.sync_api import sync_playwright

    medians = []
    with sync_playwright() as api:
        browser = api.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/enter?token={TOKEN}")
        for _ in range(3):
            page.goto(f"{address}/run/{run_id}/live")
            page.wait_for_selector("[data-ready]")
            box = page.locator("#pad").bounding_box()
            assert box is not None
            for row in range(5):
                page.mouse.move(box["x"] + 40, box["y"] + 40 + 40 * row)
                page.mouse.down()
                for step in range(20):
                    page.mouse.move(box["x"] + 40 + 10 * step, box["y"] + 40 + 40 * row)
                    time.sleep(0.03)
                page.mouse.up()
            time.sleep(1)
            medians.append(float(page.locator(".view").get_attribute("data-milliseconds") or "nan"))
        browser.close()
    return medians


@dataclass
class Told:
    """What the clients saw."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    mixed: int = 0


def client(
    number: int, address: str, run_id: str, drawings: np.ndarray, alone: np.ndarray, end: float, told: Told
) -> None:
    where = urlsplit(address)
    host, port = where.hostname or "", where.port or 0
    headers = {"cookie": entered(host, port), "origin": address}
    connection = HTTPConnection(host, port, timeout=60)
    generator = np.random.default_rng(number)
    side = drawings.shape[1]
    sequence = 0
    time.sleep(generator.uniform(0, PACE))
    while time.perf_counter() < end:
        begun = time.perf_counter()
        sequence += 1
        chosen = int(generator.integers(len(drawings)))
        fine = drawings[chosen].repeat(FINE, axis=0).repeat(FINE, axis=1)
        path = (
            f"/run/{run_id}/live/answer?sequence={sequence}&height={FINE * side}&width={FINE * side}&channels=1"
            "&most=32&centre=0"
        )
        try:
            connection.request("POST", path, fine.tobytes(), headers)
            answer = connection.getresponse()
            data = answer.read()
        except OSError as error:
            told.errors.append(repr(error))
            connection.close()
            continue
        told.seconds.append(time.perf_counter() - begun)
        if answer.status != 200:
            told.errors.append(str(answer.status))
            continue
        (length,) = struct.unpack("<I", data[:4])
        header = json.loads(data[4 : 4 + length])
        seen = data[4 + length : 4 + length + side * side]
        same = np.allclose(header["probabilities"], alone[chosen], atol=1e-5)
        if header["sequence"] != sequence or seen != drawings[chosen].tobytes() or not same:
            told.mixed += 1
        time.sleep(max(0.0, begun + PACE - time.perf_counter()))


def crowd(address: str, run: Run, clients: int, seconds: float) -> Told:
    """What `clients` see at a time."""
    live = Live(run)
    drawings = run.images("test").pixels[:DRAWINGS]
    alone = np.stack([live.answer(one, most=1).probabilities for one in drawings])
    told = [Told() for _ in range(clients)]
    end = time.perf_counter() + seconds
    threads = [
        threading.Thread(target=client, args=(number, address, run.id, drawings, alone, end, told[number]))
        for number in range(clients)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return Told(
        [second for one in told for second in one.seconds],
        [error for one in told for error in one.errors],
        sum(one.mixed for one in told),
    )


def line(words: str, told: Told, seconds: float) -> str:
    at = {share: 1e3 * float(np.quantile(told.seconds, share)) for share in (0.5, 0.95, 0.99)}
    return (
        f"{words}: {len(told.seconds):,} answers ({len(told.seconds) / seconds:.0f}/s), {len(told.errors)} errors, "
        f"{told.mixed} mixed; median {at[0.5]:.0f} ms, p95 {at[0.95]:.0f} ms, p99 {at[0.99]:.0f} ms"
    )


def main() -> None:
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
    print(
        f"{time.strftime('%Y-%m-%d')} {cpu()}, {os.cpu_count()} cores, torch {torch.__version__}, "
        f"lenet5 on MNIST, load before {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        run = train("lenet5", "mnist", epochs=1, precision="fp32", pictures=False, runs=root)
        server, address = served(root)
        try:
            medians = hand(address, run.id)
            print(
                f"from hand to answer in Chromium: medians {', '.join(f'{one:.0f}' for one in medians)} ms",
                flush=True,
            )
            print(line("one client, nothing else", crowd(address, run, 1, 10), 10), flush=True)
            beside = [
                sys.executable,
                "-m",
                "pellucid",
                "train",
                "lenet5",
                "mnist",
                "--epochs",
                "500",
                "--runs",
                folder,
            ]
            training = subprocess.Popen(beside, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(8)
            told = crowd(address, run, clients, seconds)
            print(line(f"{clients} clients beside a training, {seconds:.0f} s", told, seconds), flush=True)
            print(f"the training goes on: {training.poll() is None}; errors: {sorted(set(told.errors)) or 'none'}")
            training.kill()
            training.wait()
        finally:
            server.terminate()
            server.communicate(timeout=30)


if __name__ == "__main__":
    main()
