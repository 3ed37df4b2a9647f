"""Computes the features of a frozen trunk once, so that training from them costs a fraction.

  python -m emojax.cache --config configs/affwild_lstm.py:cat_vgg16_fc2 --config.init_from=FILE --out data/vgg16
  python -m emojax.cache --config configs/sasefe.py:sase12_gru_features --config.init_from.cnn=RUN --out data/fc7

--out becomes the prepared data of the config with columns of features, float32, one row a frame. A run on it
(--config.data_dir=data/vgg16 --config.model.cached=2048; the command prints them) gives the numbers of a run with the
frozen trunk. Shards are linked, not copied, where the disk allows.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from emojax import cli
from emojax.errors import ConfigError

_FAMILIES = ("face_videos", "sequences")
_OF_THE_TRUNK = ("data_dir=", "init_from=", "optimizer.factors.trunk=")  # what a run on features does without


def parser() -> cli.Parser:
    options = cli.Parser("python -m emojax.cache", __doc__)
    options.add_config()
    options.add_argument(
        "--out", type=cli.path, required=True, metavar="DIR", help="folder to write to, new or empty"
    )
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), cache, argv)


def cache(options: argparse.Namespace) -> int:
    config = cli.read_config(options)
    if config.family not in _FAMILIES:
        raise ConfigError(
            f"{config.name!r} has no trunk whose features can be stored; systems of configs/affwild.py, "
            "configs/affwild_lstm.py, configs/sasefe.py and configs/oulu_casia.py have one."
        )

    from emojax import systems  # here and not above: --help does not wait for JAX
    from emojax.engine import compile_cache

    compile_cache.enable()
    dataset = systems.load_data(config)
    family = importlib.import_module(f"emojax.systems.{config.family}.cache")
    width = family.write_features(config, dataset, options.out)
    changes = [text for text in options.changes if not text.startswith(_OF_THE_TRUNK)]
    fields = [f"data_dir={options.out}", f"model.cached={width}", *changes]
    print(
        f"{options.out}: {width} features a frame.\n"
        f"Train on them: python -m emojax.train --config {options.config} "
        f"{' '.join(f'--config.{text}' for text in fields)} --workdir runs/{config.name}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
