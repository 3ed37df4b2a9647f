"""How near the faces that a GAN generates come to real ones, in the features of a network of your own.

  python -m emojax.sample_quality --workdir runs/gan --judge runs/cnn

The judge is any run, or exported model, that reads single faces: its features before the last layer take the place of
Inception's, so nothing is downloaded. The number is a Frechet distance "in the features of NAME": compare it between
GANs with the same judge, never with a published FID. Two halves of the real faces show the smallest distance to expect
from that many faces; one repeated face shows that of a collapsed generator. Written to sample_quality.json in
--workdir, or --out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from emojax import cli
from emojax.errors import ConfigError


def parser() -> cli.Parser:
    options = cli.Parser("python -m emojax.sample_quality", __doc__)
    add = options.add_argument
    add("--workdir", type=cli.path, required=True, metavar="DIR", help="folder of the run of a GAN")
    add("--judge", type=cli.path, required=True, metavar="DIR", help="run or exported model that reads faces")
    add("--step", default="best", help="checkpoint of the GAN: best, latest, or a step number [best]")
    add("--data_dir", type=cli.path, metavar="DIR", help="prepared data, where the GAN's has moved")
    add("--split", default="validation", help="split of the real faces [validation]")
    add("--faces", type=cli.whole_number(4), default=2000, metavar="N", help="at most N of each [2000]")
    add(
        "--seed",
        type=cli.whole_number(0),
        default=0,
        metavar="N",
        help="seed of the noise and of the choice of faces [0]",
    )
    add("--out", type=cli.path, metavar="FILE", help="JSON file [WORKDIR/sample_quality.json]")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), measure, argv)


def measure(options: argparse.Namespace) -> int:
    import numpy as np  # here and not above: --help and mistakes do not wait

    import emojax
    from emojax import systems
    from emojax.data.decode import read_features
    from emojax.engine import compile_cache
    from emojax.engine.restore import read_variables
    from emojax.engine.workdir import require_run
    from emojax.files import write_json
    from emojax.metrics.frechet import frechet_distance

    require_run(options.workdir)
    compile_cache.enable()
    restored = read_variables(options.workdir, options.step)
    system = systems.build(restored.config, restored.recipe)
    if not hasattr(system, "sample"):
        raise ConfigError(
            f"{options.workdir} is a run of {restored.config.name!r}, which generates no faces."
        )
    judge = emojax.load(options.judge, detector="none")
    dataset = systems.load_data(restored.config, options.data_dir)
    generator = np.random.default_rng(options.seed)
    count = min(options.faces, dataset.split(options.split).num_records)
    records = np.sort(generator.permutation(dataset.split(options.split).num_records)[:count])
    real = read_features(dataset, options.split, ("image",), records.tolist())["image"]
    generated = system.sample(restored.variables, count, options.seed)
    seen = {"real": judge.embed(real), "generated": judge.embed(generated)}
    halves = np.array_split(generator.permutation(count), 2)
    found = {
        "frechet_distance": frechet_distance(seen["real"], seen["generated"]),
        "two_halves_of_the_real_faces": frechet_distance(*(seen["real"][half] for half in halves)),
        "one_face_repeated": frechet_distance(seen["real"], np.repeat(seen["real"][:1], count, axis=0)),
    }
    results = {
        **found,
        "judge": f"{judge.config.name}, step {judge.step}",
        "features": seen["real"].shape[1],
        "faces": count,
        "split": options.split,
        "step": restored.step,
    }
    print(
        f"Frechet distance in the {results['features']} features of {results['judge']}, {count:,} faces of each:"
    )
    for name, value in found.items():
        print(f"  {name.replace('_', ' '):32} {value:.4f}")
    path = options.out or options.workdir / "sample_quality.json"
    write_json(path, results)
    print(f"Written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
