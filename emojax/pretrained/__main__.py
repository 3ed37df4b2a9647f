"""Pretrained weights: where they are published, into emojax, and back to torch.

    python -m emojax.pretrained list
    python -m emojax.pretrained import --arch densenet121 densenet121-a639ec97.pth
    python -m emojax.pretrained export densenet121.safetensors --out for_torch.safetensors
    python -m emojax.pretrained expression emotion_model.hdf5 --to mini_xception       # then emojax.predict --model

An imported file is named in a config: --config.init_from=densenet121.safetensors.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from emojax import cli

_IMPORT_HELP = """\
Reads torch's .pth, .pt and .pth.tar (a state dict, plain or in a container, or a whole network; nothing in
the pickle is executed), pickled NumPy arrays, .safetensors with torchvision's or timm's names, Keras' .h5
and .keras, and .npz with any of these names. Every tensor has to fit, and each is reported with where it
went. Half precision becomes float32.
"""


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv)


def _run(options: argparse.Namespace) -> None:
    from emojax.pretrained import (
        commands,
    )  # here and not above: --help and mistakes answer without waiting for JAX

    commands.run(options)


def _parser() -> cli.Parser:
    parser = cli.Parser("python -m emojax.pretrained", __doc__)
    commands = parser.add_subparsers(
        required=True, metavar="list | import | export | expression", dest="command"
    )
    _add_list(commands.add_parser("list", help="architectures, their published files and input coding"))
    _add_import(
        commands.add_parser(
            "import", help="convert published weights to a file of emojax", description=_IMPORT_HELP
        )
    )
    _add_export(
        commands.add_parser("export", help="convert weights of emojax to a torch state dict (safetensors)")
    )
    _add_expression(
        commands.add_parser(
            "expression", help="convert a published expression network to a model for emojax.predict"
        )
    )
    return parser


def _add_list(parser: cli.Parser) -> None:
    parser.add_argument("arch", nargs="?", help="one architecture; all by default")


def _add_import(parser: cli.Parser) -> None:
    add = parser.add_argument
    add("file", type=cli.path, help="the published file")
    add("--arch", required=True, help="what it holds; see the command list")
    add("--out", type=cli.path, metavar="FILE", help="file to write; ARCH.safetensors by default")
    add("--without_head", action="store_true", help="leave the classifier out; of a whole network, all heads")
    add(
        "--num_classes",
        type=cli.whole_number(1),
        metavar="N",
        help="width of the file's classifier, if not the published one",
    )
    add("--key", help="where in the file the weights are, if it holds several, e.g. ema.state_dict")
    add(
        "--prefix",
        help="take only tensors whose name starts so, e.g. 'encoder.', and without it; what all names share "
        "is taken away by itself",
    )
    add(
        "--leave_out",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out tensors of the file whose name matches, e.g. 'dense*'; may be repeated",
    )
    add("--attributes", type=cli.path, metavar="NPY", help="Places365's W_sceneattribute_wideresnet18.npy")
    add("--quiet", action="store_true", help="only the summary, not every tensor")


def _add_export(parser: cli.Parser) -> None:
    add = parser.add_argument
    add(
        "file",
        type=cli.path,
        help="a file of emojax, or the work directory of a run (its best checkpoint)",
    )
    add("--out", type=cli.path, required=True, metavar="FILE", help="file to write")
    add(
        "--part",
        default="backbone",
        help="of a run: which part of the network, e.g. backbone (default); 'all' for all of it, where torch code "
        "has such a network",
    )
    add("--arch", help="of a run: the part's architecture, if its config does not name it")


def _add_expression(parser: cli.Parser) -> None:
    add = parser.add_argument
    add(
        "file",
        type=cli.path,
        help="mini-Xception's .hdf5, or face-api's face_expression_model-weights_manifest.json",
    )
    add("--to", type=cli.path, required=True, metavar="DIR", help="folder to write; new or empty")


if __name__ == "__main__":
    sys.exit(main())
