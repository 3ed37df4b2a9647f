"""Takes the fingerprint of every system, to see whether a change of the code changed what is computed.

For each system of `python -m emojax.systems`, at its @demo size on small synthetic data: the losses of three training
steps (compiled step, the system's own augmentation, sampler and optimiser, one device) and the metrics of the
validation split after them. The cells of a sweep are left out: its own name is its central cell.

  python scripts/fingerprint.py --out tests/golden/fingerprint.json
  python scripts/fingerprint.py --against tests/golden/fingerprint.json
  python scripts/fingerprint.py --against tests/golden/fingerprint.json --only "emotic:*gcn*"

The first command writes the record, the others compare with it; exit status 1 means that a number differs. An
interrupted run resumes where it stopped, as long as no Python file of the project has changed in between. The
numbers belong to one jax version and one kind of processor: compare on the machine that made the record, or take
the record of the old code anew.

Where numbers change on purpose, the record says why:

  python scripts/fingerprint.py --out tests/golden/fingerprint.json --only "emotic:emotic_kosti_*" \\
      --because "their label weights are those of the public code"
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import json
import math
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=1"  # compiles faster; three steps need no speed

import jax
from fingerprint_systems import DATA, ROOT, data_hash, list_systems, take

from emojax import progress


def source_hash() -> str:
    """Changes with any Python file that the numbers may depend on, and with the version of jax."""
    digest = hashlib.sha256(jax.__version__.encode())
    files = [path for name in ("configs", "data_prep", "emojax") for path in (ROOT / name).rglob("*.py")]
    for path in sorted([*files, *(ROOT / "scripts").glob("fingerprint*.py")]):
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def take_all(patterns: list[str], work: pathlib.Path) -> dict:
    """The record of all systems that match; those that `work` holds for this source are not made again."""
    if not jax.config.jax_compilation_cache_dir:
        jax.config.update("jax_compilation_cache_dir", str(work / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    folder = work / source_hash()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "results.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    results = {row["system"]: row["result"] for row in map(json.loads, lines)}
    wanted = matching(list_systems(), patterns)
    for system in (bar := progress.bar(iterable=wanted, unit="system")):
        bar.set_postfix_str(system)
        if system not in results:
            results[system] = take(wanted[system], folder)
            with file.open("a") as out:
                out.write(json.dumps({"system": system, "result": results[system]}) + "\n")
    return {
        "jax": jax.__version__,
        "data": {name: data_hash(folder / name) for name in DATA if (folder / name).exists()},
        "systems": {system: results[system] for system in wanted},
    }


def matching(named: dict, patterns: list[str]) -> dict:
    """The entries whose name matches one of the patterns."""
    return {n: value for n, value in named.items() if any(fnmatch.fnmatchcase(n, p) for p in patterns)}


def largest_difference(ours: dict, golden: dict) -> tuple[float, str]:
    """Of two fingerprints of a system: absolute below one, relative above; infinite where a number is missing."""
    pairs = [
        {**{f"loss of step {i + 1}": x for i, x in enumerate(side["losses"])}, **side["metrics"]}
        for side in (ours, golden)
    ]
    differences = [(0.0, "")]
    for name in sorted(pairs[0].keys() | pairs[1].keys()):
        a, b = (side.get(name) for side in pairs)
        if a is None or b is None:
            differences.append((math.inf, name))
        elif a != b and not (math.isnan(a) and math.isnan(b)):
            difference = abs(a - b) / max(1.0, min(abs(a), abs(b)))
            differences.append((math.inf if math.isnan(difference) else difference, name))
    return max(differences)


def compare(record: dict, golden: dict, patterns: list[str], tolerance: float) -> int:
    """Prints what differs, the largest first; returns how many systems differ by more than the tolerance."""
    if record["jax"] != golden["jax"]:
        print(f"note: jax {record['jax']} here, {golden['jax']} in the record: rounding may differ.")
    for name, value in record["data"].items():
        if value != golden["data"].get(name):
            print(
                f"note: the synthetic data {name} are not those of the record, so other numbers are to be expected."
            )
    nothing = {"losses": [], "metrics": {}}
    expected = matching(golden["systems"], patterns)
    table = sorted(
        (*largest_difference(record["systems"].get(system, nothing), result), system)
        for system, result in expected.items()
    )
    for difference, where, system in reversed(table):
        if difference > 0:
            missing = "" if system in record["systems"] else " (no such system any more)"
            print(f"{difference:10.2e}  {system}  {where}{missing}")
    equal, over = sum(row[0] == 0 for row in table), sum(row[0] > tolerance for row in table)
    new = len(record["systems"].keys() - expected.keys())
    print(
        f"{len(table)} systems: {equal} equal bit for bit, {len(table) - equal - over} within {tolerance:g}, "
        f"{over} over it; {new} that the record does not have."
    )
    return over


def write(record: dict, file: pathlib.Path, because: str) -> None:
    """Writes a record, or its systems into a record that is there; `because` is noted for those that differ."""
    old = json.loads(file.read_text()) if file.exists() else {"data": {}, "changed": {}, "systems": {}}
    differ = [s for s, r in record["systems"].items() if s in old["systems"] and r != old["systems"][s]]
    if differ and not because:
        sys.exit(
            f"error: {file} has other numbers for {', '.join(differ)}. If they are meant to change, say --because."
        )
    merged = {
        "jax": record["jax"],
        "data": old["data"] | record["data"],
        "changed": old["changed"] | dict.fromkeys(differ, because),
        "systems": old["systems"] | record["systems"],
    }
    systems = ",\n".join(f"{json.dumps(s)}: {json.dumps(r)}" for s, r in merged.pop("systems").items())
    file.write_text(json.dumps(merged)[:-1] + f', "systems": {{\n{systems}\n}}}}\n')
    print(f"{len(record['systems'])} systems written to {file}, {len(differ)} of them changed")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=pathlib.Path, help="file for the record")
    parser.add_argument("--because", default="", help="why numbers of --out change")
    parser.add_argument("--against", type=pathlib.Path, help="record to compare with")
    parser.add_argument(
        "--only", nargs="+", default=["*"], metavar="PATTERN", help='systems, e.g. "emotic:*" [all]'
    )
    parser.add_argument("--tolerance", type=float, default=1e-6, help="difference allowed [1e-6]")
    parser.add_argument(
        "--work",
        type=pathlib.Path,
        default=ROOT / "runs" / "fingerprint",
        help="folder of synthetic data, results so far and compiled programs [runs/fingerprint]",
    )
    options = parser.parse_args()
    if not (options.out or options.against):
        parser.error("give --out FILE to write a record, --against FILE to compare with one, or both")
    golden = json.loads(options.against.read_text()) if options.against else None
    record = take_all(options.only, options.work.resolve())
    if not record["systems"]:
        parser.error(f"no system is called {' or '.join(options.only)}; a name is like affectnet_gcn:demo")
    if options.out:
        write(record, options.out, options.because)
    return 1 if golden and compare(record, golden, options.only, options.tolerance) else 0


if __name__ == "__main__":
    sys.exit(main())
