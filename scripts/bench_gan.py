"""Speed of what the Aff-Wild systems need: an iteration of the GAN beside torch, windows of frames, face detection.

  python scripts/bench_gan.py step [--batch 64] [--image_size 64]
      one iteration, a step of the discriminator and one of the generator, float32; torch's DCGAN of the same sizes and
      losses beside it where torch is installed
  python scripts/bench_gan.py windows --data_dir data/affwild_both --config configs/affwild_lstm.py:cat_vgg16_fc2
      frames a second of windows for training: read, decoded, put together
  python scripts/bench_gan.py detect --film FILE [--detector haar] [--frames 200]
      frames a second of the face detection, on one core

All print wall time and CPU time. On a shared machine the CPU time says more.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

import cv2
import jax
import numpy as np
from paired import print_steps, times

from data_prep.affwild.films import Film, frames_at_30, probe
from emojax import cli, systems
from emojax.data.dataset import without_records
from emojax.data.loader import Batches, Order
from emojax.engine.mesh import data_mesh, put_batch
from emojax.engine.run import Run
from emojax.systems.face_gan import stand_in, stand_in_columns
from emojax.vision.detectors import make_detector


def _batch(size: int, side: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "image": rng.integers(0, 256, (size, side, side, 3), np.uint8),
        **{name: rng.uniform(-1, 1, size).astype(np.float32) for name in ("valence", "arousal")},
        "sequence": np.zeros(size, np.int32),
        "mask": np.ones(size, np.float32),
        "position": np.arange(size, dtype=np.int32),
        "index": np.arange(size, dtype=np.int32),
    }


def _our_step(batch: Mapping[str, np.ndarray]) -> Iterator[None]:
    config = cli.load_config_file("configs/affwild_gan.py:affwild_reggan_small")
    config.batch_size, config.image_size = batch["image"].shape[:2]
    config.precision, config.model.sheet_steps = "float32", ()
    data = without_records(stand_in(config), stand_in_columns(config))
    run = Run(config, systems.build(config, data.recipe), data, data_mesh(jax.devices()[:1]))
    state, arrays = run.initial_state(), put_batch(batch, run.mesh)
    while True:
        state, logs = run.train_step(state, arrays)
        jax.block_until_ready((state, logs))
        yield


def _torch_step(batch: Mapping[str, np.ndarray], channels_last: bool) -> Iterator[None]:
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.manual_seed(0)
    side = batch["image"].shape[1]
    widths = [512 >> i for i in range((side // 4).bit_length() - 1)]

    def up(a: int, b: int) -> nn.Module:
        return nn.ConvTranspose2d(a, b, 5, 2, padding=2, output_padding=1)

    body = [x for a, b in itertools.pairwise(widths) for x in (up(a, b), nn.BatchNorm2d(b), nn.ReLU())]
    generator = nn.Sequential(
        *(nn.Linear(100, 16 * 512), nn.Unflatten(1, (512, 4, 4)), nn.BatchNorm2d(512), nn.ReLU()),
        *(*body, up(widths[-1], 3), nn.Tanh()),
    )
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(((3, 64), (64, 128), (128, 256), (256, 512))):
        norm = [nn.BatchNorm2d(b)] if i else []
        layers += [nn.Conv2d(a, b, 5, 2, padding=2), *norm, nn.LeakyReLU(0.2), nn.Dropout(0.5)]
    discriminator = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 3))
    if channels_last:
        generator, discriminator = (
            m.to(memory_format=torch.channels_last) for m in (generator, discriminator)
        )
    rates = {discriminator: 1e-4, generator: 2e-4}
    optimizers = {net: torch.optim.Adam(net.parameters(), rate, (0.5, 0.999)) for net, rate in rates.items()}
    pixels = torch.tensor(batch["image"].tolist(), dtype=torch.float32)
    real = (pixels / 127.5 - 1).permute(0, 3, 1, 2)
    real = real if channels_last else real.contiguous()
    truth = torch.tensor([batch[name].tolist() for name in ("valence", "arousal")]).T

    def error(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        (mx, my), (dx, dy) = (x.mean(0), y.mean(0)), (x - x.mean(0), y - y.mean(0))
        return 1 - (2 * (dx * dy).mean(0) / ((dx**2).mean(0) + (dy**2).mean(0) + (mx - my) ** 2)).mean()

    def entropy(logits: torch.Tensor, target: float) -> torch.Tensor:
        return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))

    def update(net: nn.Module, loss: torch.Tensor) -> None:
        optimizers[net].zero_grad()
        loss.backward(inputs=list(net.parameters()))
        nn.utils.clip_grad_norm_(net.parameters(), 20.0)
        optimizers[net].step()

    while True:
        with torch.no_grad():
            fakes = generator(torch.rand(len(real), 100) * 2 - 1)
        seen, other = discriminator(real), discriminator(fakes)
        loss = error(seen[:, :2], truth) + entropy(seen[:, 2], 0.0) + entropy(other[:, 2], 0.9)
        update(discriminator, loss)
        fakes = generator(torch.rand(len(real), 100) * 2 - 1)
        adversarial = entropy(discriminator(fakes)[:, 2], 0.0)
        update(generator, adversarial + 10 * F.huber_loss(fakes, real))
        yield


def bench_step(options: argparse.Namespace) -> None:
    batch = _batch(options.batch, options.image_size)
    steps: dict[str, Callable[[], Iterator[None]]] = {"emojax": lambda: _our_step(batch)}
    if importlib.util.find_spec("torch"):
        steps["torch"] = lambda: _torch_step(batch, False)
        steps["torch, channels last"] = lambda: _torch_step(batch, True)
    print(f"Regression GAN, [{options.batch}, {options.image_size}, {options.image_size}, 3], one iteration:")
    running = {name: make() for name, make in steps.items()}
    for step in running.values():
        next(step)
    print_steps(running, options.repeats)


def bench_windows(options: argparse.Namespace) -> None:
    config = cli.load_config_file(options.config)
    config.data_dir, config.model.window = str(options.data_dir), options.window
    dataset = systems.load_data(config, options.data_dir)
    config.image_size = dataset.feature("image").shape[0]
    system = systems.build(config, dataset.recipe)
    order = Order(options.batch, train=True, num_epochs=None)
    batches = Batches(dataset, "train", system.inputs, order, threads=options.threads)
    next(batches)
    rates = []
    for _ in range(options.repeats):
        start, frames = times(), 0
        for _ in range(options.batches):
            frames += int(next(batches)["frame_mask"].sum())
        rates.append(frames / (times() - start))
    wall, cpu = np.median(rates, axis=0)
    image = dataset.feature("image")
    print(
        f"Windows of {options.window} faces, {image.shape[0]} px, {image.encoding}: {wall:,.0f} frames/s, {cpu:,.0f} "
        f"frames a CPU-second ({options.threads} threads, median of {options.repeats})"
    )


def bench_detect(options: argparse.Namespace) -> None:
    cv2.setNumThreads(1)
    detect, film = make_detector(options.detector), Film(str(options.film))
    count = min(options.frames, frames_at_30(*probe(options.film)))
    pictures = [film.frame(number + 1) for number in range(count)]
    detect(pictures[0])
    start = times()
    found = sum(bool(detect(picture)) for picture in pictures)
    wall, cpu = count / (times() - start)
    height, width = pictures[0].shape[:2]
    print(
        f"{options.detector}: {wall:,.0f} frames/s, {cpu:,.0f} frames a CPU-second at {width} x {height}; a face in "
        f"{found} of {count}"
    )


def parser() -> cli.Parser:
    options = cli.Parser("python scripts/bench_gan.py", __doc__)
    parts = options.add_subparsers(dest="what", required=True, parser_class=cli.Parser)
    step, windows, detect = (parts.add_parser(name) for name in ("step", "windows", "detect"))
    step.add_argument("--batch", type=cli.whole_number(1), default=64, metavar="N")
    step.add_argument("--image_size", type=cli.whole_number(16), default=64, metavar="PX")
    step.set_defaults(run=bench_step)
    windows.add_argument("--data_dir", type=cli.path, required=True, metavar="DIR")
    windows.add_argument("--config", required=True, metavar="FILE:NAME")
    windows.add_argument("--window", type=cli.whole_number(2), default=60, metavar="T")
    windows.add_argument("--batch", type=cli.whole_number(1), default=10, metavar="N")
    windows.add_argument("--batches", type=cli.whole_number(1), default=10, metavar="N")
    windows.add_argument("--threads", type=cli.whole_number(1), default=2, metavar="N")
    windows.set_defaults(run=bench_windows)
    detect.add_argument("--film", type=cli.path, required=True, metavar="FILE")
    detect.add_argument("--detector", default="haar", metavar="NAME")
    detect.add_argument("--frames", type=cli.whole_number(1), default=200, metavar="N")
    detect.set_defaults(run=bench_detect)
    for part in (step, windows):
        part.add_argument("--repeats", type=cli.whole_number(1), default=3, metavar="N")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), lambda options: options.run(options), argv)


if __name__ == "__main__":
    sys.exit(main())
