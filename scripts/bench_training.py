"""Training step of Emotion-GCN (DenseNet-121 and label GCN) in emojax beside PyTorch, on the same device in one run.

  python scripts/bench_training.py                         # on a GPU: bf16, batches of 256, 227 px
  python scripts/bench_training.py --batch 4 --size 112 --steps 5 --precision float32      # also runs on a CPU

PyTorch gets what makes it quick: autocast, channels_last and torch.compile. Both train on one resident batch; compile
time and warm-up are left out; each runs in a process of its own, in turn, so neither holds the other's memory.
Needs the `parity` extra. The targets on an H100 are 3,000 images/s, goal 4,300.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--size", type=int, default=227)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=2, help="how often both are measured in turn")
    parser.add_argument("--precision", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--no-compile", action="store_true", help="PyTorch without torch.compile")
    parser.add_argument("--json", help="also write the figures to this file")
    parser.add_argument("--torch-child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.torch_child:
        print(json.dumps(measure_torch(options)))
        return 0
    rounds = [{"emojax": run_emojax(options), "torch": run_torch(options)} for _ in range(options.rounds)]
    figures = {
        "device": rounds[0]["emojax"]["device"],
        "batch": options.batch,
        "size": options.size,
        "precision": options.precision,
        "emojax_images_per_second": [r["emojax"]["images_per_second"] for r in rounds],
        "torch_images_per_second": [r["torch"]["images_per_second"] for r in rounds],
        "emojax_details": rounds[-1]["emojax"],
    }
    ratio = statistics.median(
        a / b for a, b in zip(figures["emojax_images_per_second"], figures["torch_images_per_second"])
    )
    figures["emojax_over_torch"] = ratio
    for name, value in figures.items():
        if name != "emojax_details":
            print(f"{name:28} {value}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def run_emojax(options) -> dict:
    """`emojax.benchmark` of the `fast` variant at the given size; its figures."""
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder, "figures.json")
        fields = {
            "batch_size": options.batch,
            "image_size": options.size,
            "precision": options.precision,
            "data_dir": folder,
        }
        command = [sys.executable, "-m", "emojax.benchmark", "--config", "configs/affectnet_gcn.py:fast"]
        command += [f"--config.{k}={v}" for k, v in fields.items()]
        command += ["--steps", str(options.steps), "--json", str(target)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=_root())
        return json.loads(target.read_text())


def run_torch(options) -> dict:
    command = [
        sys.executable,
        __file__,
        "--torch-child",
        "--batch",
        str(options.batch),
        "--size",
        str(options.size),
    ]
    command += ["--steps", str(options.steps), "--precision", options.precision]
    command += ["--no-compile"] if options.no_compile else []
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=_root())
    return json.loads(result.stdout.splitlines()[-1])


def measure_torch(options) -> dict:
    """Seconds and images/s of PyTorch's step: torchvision's DenseNet-121, 9 outputs, SGD with momentum."""
    import torch

    torchvision = _import_torchvision(torch)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = torchvision.models.densenet121(num_classes=9).to(device, memory_format=torch.channels_last)
    forward = model if options.no_compile else torch.compile(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, weight_decay=0.001)
    images = torch.randint(
        0, 256, (options.batch, 3, options.size, options.size), dtype=torch.uint8, device=device
    )
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(0, 7, (options.batch,), device=device)
    values = torch.rand((options.batch, 2), device=device) * 2 - 1
    dtype = getattr(torch, options.precision)

    def step():
        with torch.autocast(device, dtype=dtype, enabled=dtype != torch.float32):
            outputs = forward(images.float() / 255 - 0.5).float()
        loss = torch.nn.functional.cross_entropy(outputs[:, :7], labels)
        loss = loss + torch.nn.functional.mse_loss(outputs[:, 7:], values)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    def wait():
        if device == "cuda":
            torch.cuda.synchronize()

    seconds = []
    for _ in range(options.steps + 5):
        wait()
        start = time.perf_counter()
        step()
        wait()
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds[5:])
    return {
        "first_step_seconds": seconds[0],
        "step_seconds_median": median,
        "images_per_second": options.batch / median,
    }


def _import_torchvision(torch):
    """torchvision; where its wheel lacks the compiled operators, with their names declared."""
    try:
        import torchvision
    except RuntimeError:
        for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision

        torchvision.declared_operators = library  # they live as long as this object
    return torchvision


def _root() -> str:
    return os.fspath(pathlib.Path(__file__).resolve().parents[1])


if __name__ == "__main__":
    sys.exit(main())
