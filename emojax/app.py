"""A small web page for a trained system: drop a picture or a video, or look into the camera.

  python -m emojax.app --workdir runs/demo/run
  python -m emojax.app --model exported --port 8000

Shows boxes, probabilities, the plane of valence and arousal, and the neighbours of a class in the label graph. Only
this computer can open the page, unless --host says otherwise: it has no passwords. No file is kept: a video lies in a
temporary folder while it is predicted. Needs two packages: pip install "emojax[app]", or pip install starlette uvicorn
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from emojax import cli
from emojax.errors import ConfigError

LOOPBACK = "127.0.0.1"


def parser() -> cli.Parser:
    options = cli.Parser("python -m emojax.app", __doc__)
    add = options.add_argument
    add("--workdir", type=cli.path, metavar="DIR", help="folder of a run of emojax.train")
    add("--model", type=cli.path, metavar="DIR", help="folder that emojax.export wrote, instead of a run")
    add("--step", default="best", help="checkpoint of a run: best, latest, or a step number [best]")
    add("--detector", default="auto", metavar="NAME", help="as in emojax.predict [auto]")
    add(
        "--host",
        default=LOOPBACK,
        metavar="ADDRESS",
        help=f"who may open the page: 0.0.0.0 is everybody [{LOOPBACK}]",
    )
    add(
        "--port", type=cli.whole_number(0, 65535), default=7860, metavar="N", help="0 takes a free one [7860]"
    )
    add("--limit", type=cli.whole_number(1, 4096), default=50, metavar="MB", help="largest upload [50]")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), serve, argv, interrupted="the page is closed")


def serve(options: argparse.Namespace) -> int:
    folder = options.workdir or options.model
    if folder is None:
        raise ConfigError(
            "Which model? Give --workdir, the folder of a run, or --model, one of emojax.export."
        )
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise ConfigError(
            'The web page needs packages that are not installed: pip install "emojax[app]", or pip install starlette '
            "uvicorn"
        ) from None
    # Here and not above: --help and mistakes answer without waiting for JAX.
    from emojax.engine import compile_cache
    from emojax.prediction.model import load
    from emojax.web.server import open_socket, run
    from emojax.web.service import Service

    socket = open_socket(options.host, options.port)
    compile_cache.enable()
    model = load(folder, options.step, detector=options.detector)
    _ = model.detector  # a mistake in its name is reported before the page opens
    run(Service(model), socket, limit=options.limit << 20, only_here=options.host == LOOPBACK)
    return 0


if __name__ == "__main__":
    sys.exit(main())
