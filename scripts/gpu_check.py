"""Everything that only a card can show, most valuable first, in under 8 minutes (start it as scripts/gpu_check).

  scripts/gpu_check                                  # all
  scripts/gpu_check --families faces,people --minutes 6
  scripts/gpu_check --only versions,main,torch       # steps whose names begin so
  scripts/gpu_check --size demo --rehearse           # the same on a CPU, small: does every step run?

One process at a time. A step that hangs costs its own time limit and nothing else. Results are printed and written to
--out as they come: results.json, results.txt, output.log, trace.json.gz. Python 3.11 or newer with jax, flax, optax,
orbax, OpenCV, grain, array-record, jraph, ml_collections, tensorboardX, google-crc32c, pytest; PyTorch if it is there.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import os
import pathlib
import sys
import tempfile

from limited_steps import FIGURES, Results, Step, run_steps

ROOT = pathlib.Path(__file__).resolve().parents[1]
PARTS = str(ROOT / "scripts" / "gpu_check_parts.py")

# One system of each family, at its own size and at a small one.
FAMILIES = {
    "faces": "configs/affectnet_baseline.py:base8_r50",
    "people": "configs/emotic.py:emotic_bcfp_gcn_r18",
    "bodies": "configs/bold.py:bold_rgb_bcf",
    "skeletons": "configs/bold.py:bold_stgcn_spatial",
    "sequences": "configs/sasefe.py:sase6_cnn_face_unfrozen_flat",
    "face_videos": "configs/affwild.py:affwild_cnnm_small",
    "face_gan": "configs/affwild_gan.py:affwild_reggan_small",
}
AFFECTNET_IMAGES = 283_901  # of seven expressions, training split: emotion_gcn spec 1.2
# What the compiler options of the main network gain: all autotuning, then each half of it off.
OPTIONS = {
    "autotune_all": {
        "xla_gpu_enable_triton_gemm": True,
        "xla_gpu_experimental_enable_fusion_autotuner": True,
    },
    "triton_gemm_off": {
        "xla_gpu_enable_triton_gemm": False,
        "xla_gpu_experimental_enable_fusion_autotuner": True,
    },
    "fusion_autotuner_off": {
        "xla_gpu_enable_triton_gemm": True,
        "xla_gpu_experimental_enable_fusion_autotuner": False,
    },
}


def main() -> int:
    options = _parser().parse_args()
    out = options.out.absolute()
    with tempfile.TemporaryDirectory(prefix="emojax-gpu-check-") as scratch:
        steps = [
            s for s in make_steps(options, out, pathlib.Path(scratch)) if s.name.startswith(options.only)
        ]
        steps = [dataclasses.replace(s, limit=s.limit * options.patience) for s in steps]
        results = Results(out)
        run_steps(steps, results, 60 * options.minutes, ROOT)
    for line in extrapolated(results):
        results.tell(line)
    failed = results.failed
    results.tell(f"{len(results.steps)} steps; failed: {', '.join(failed) or 'none'}. Results: {options.out}")
    return 1 if failed else 0


def extrapolated(results: Results) -> list[str]:
    """What the figures mean: emojax beside PyTorch in this run, and the time of AffectNet's 10 epochs."""
    figures = {step["name"]: step.get("figures", {}) for step in results.steps}
    ours = figures.get("main_warm", {}).get("images_per_second")
    lines = []
    for name in ("torch_eager", "torch_compiled"):
        theirs = figures.get(name, {}).get("images_per_second")
        if ours and theirs:
            lines.append(f"emojax is {ours / theirs:.2f} times as fast as {name}")
    fed = figures.get("fed", {})
    if fed.get("fed_step_seconds"):
        minutes = AFFECTNET_IMAGES * 10 * fed["fed_step_seconds"] / fed["batch_size"] / 60
        lines.append(f"10 epochs of AffectNet at the pace of the fed loop: {minutes:.1f} minutes")
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="scripts/gpu_check"
    )
    add = parser.add_argument
    add("--out", type=pathlib.Path, default=pathlib.Path("gpu_check"), metavar="DIR", help="[gpu_check]")
    add("--minutes", type=float, default=8, help="for all steps together [8]")
    add(
        "--patience",
        type=float,
        default=1,
        metavar="X",
        help="make each step's time limit X times as long [1]",
    )
    add("--families", type=_names(FAMILIES), default=tuple(FAMILIES), metavar="A,B", help="[all]")
    add("--only", type=_names(None), default=("",), metavar="A,B", help="steps whose names begin so [all]")
    add("--size", choices=("full", "demo"), default="full", help="of the networks [full]")
    add("--rehearse", action="store_true", help="run on the CPU what is meant for a card")
    return parser


def _names(known):
    def read(text: str) -> tuple[str, ...]:
        names = tuple(name.strip() for name in text.split(",") if name.strip())
        unknown = [name for name in names if known is not None and name not in known]
        if unknown or not names:
            raise argparse.ArgumentTypeError(
                f"there is no {', '.join(unknown)}; there are {', '.join(known)}"
            )
        return names

    return read


def make_steps(options: argparse.Namespace, out: pathlib.Path, scratch: pathlib.Path) -> list[Step]:
    """All steps, in the order of their value."""
    small, rehearse = options.size == "demo", options.rehearse
    environment = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "PYTHONUNBUFFERED": "1",
        "JAX_COMPILATION_CACHE_DIR": str(
            scratch / "cache"
        ),  # empty: the first step of all compiles everything
        "JAX_PLATFORMS": "cpu" if rehearse else "cuda,cpu",
    }
    python = sys.executable
    count = "3" if small else "30"
    main_network = "configs/affectnet_gcn.py:" + ("demo" if small else "fast")

    def step(name: str, limit: float, *command: str, missing: str = "", **variables: str) -> Step:
        return Step(name, [python, *command], limit, {**environment, **variables}, missing)

    def benchmark(name: str, limit: float, config: str, *more: str, missing: str = "") -> Step:
        arguments = [
            "-m",
            "emojax.benchmark",
            "--config",
            config,
            "--steps",
            count,
            "--cached",
            "--json",
            FIGURES,
        ]
        return step(name, limit, *arguments, *more, missing=missing)

    nothing, data = f"--config.data_dir={scratch}/none", str(scratch / "data")
    no_torch = "" if importlib.util.find_spec("torch") else "PyTorch is not installed"
    torch = ["--steps", count] + (
        ["--batch", "4", "--size", "64"] if small else ["--batch", "256", "--size", "227"]
    )
    tests = ["-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "tests/engine/test_gpu.py"]
    rehearsal = {"EMOJAX_REHEARSE_GPU": "1"} if rehearse else {}
    trace = ["--profile", str(scratch / "trace")]
    steps = [
        step("versions", 60, PARTS, "versions", FIGURES),
        benchmark("main_cold", 120, main_network, nothing),
        benchmark("main_warm", 60, main_network, nothing, *trace),
        step("profile", 20, PARTS, "keep_trace", str(scratch / "trace"), str(out)),
        step("torch_eager", 60, PARTS, "torch", FIGURES, *torch, missing=no_torch),
        step("data", 60, PARTS, "data", data, "64" if small else "227", "64" if small else "2048"),
        benchmark("fed", 75, main_network, f"--config.data_dir={data}", "--config.align="),
        step("fed_trace", 60, PARTS, "fed_trace", FIGURES, main_network, data, str(out)),
        step("resume", 90, *tests, "-k", "resume", **rehearsal),
        step("tests", 120, *tests, "-k", "not resume", **rehearsal),
    ]
    for name, values in OPTIONS.items():
        changes = [part for k, v in values.items() for part in ("--compiler", f"{k}={v}")]
        missing = "a CPU has no such options" if rehearse else ""
        steps.append(benchmark(f"option_{name}", 90, main_network, nothing, *changes, missing=missing))
    for name in options.families:
        spec = FAMILIES[name] + ("@demo" if small else "")
        steps.append(benchmark(f"family_{name}", 75, spec, nothing))
    exact = ("--config.run.deterministic=True", "--config.precision=float32")
    steps += [
        benchmark("deterministic", 90, main_network, nothing, exact[0]),
        benchmark("float32", 90, main_network, nothing, exact[1]),
        step("torch_compiled", 150, PARTS, "torch", FIGURES, *torch, "--compile", missing=no_torch),
    ]
    return steps


if __name__ == "__main__":
    sys.exit(main())
