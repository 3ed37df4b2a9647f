"""Pretrained weights: where they are published, into emojax, and back to torch.

    python -m emojax.pretrained list
    python -m emojax.pretrained import --arch densenet121 densenet121-a639ec97.pth
    python -m emojax.pretrained export densenet121.safetensors --out for_torch.safetensors

An imported file is named in a config: --config.init_from=densenet121.safetensors.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence

import jax
from absl import logging

from emojax.cli import fail
from emojax.errors import EmojaxError
from emojax.pretrained.architecture import Architecture
from emojax.pretrained.catalogue import architecture, architectures
from emojax.pretrained.convert import export_weights, import_weights
from emojax.pretrained.native import save_weights, write_safetensors
from emojax.pretrained.runs import load_any

_IMPORT_HELP = """\
Reads torch's .pth, .pt and .pth.tar (a state dict, plain or in a container, or a whole network; nothing in
the pickle is executed), pickled NumPy arrays, .safetensors with torchvision's or timm's names, Keras' .h5
and .keras, and .npz with any of these names. Every tensor has to fit, and each is reported with where it
went. Half precision becomes float32.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    options = _parser().parse_args(argv)
    logging.set_verbosity(logging.ERROR)
    jax.config.update("jax_platforms", "cpu")  # conversion needs no accelerator, which may be busy
    try:
        options.run(options)
    except EmojaxError as error:
        return fail(error)
    return 0


def _parser() -> argparse.ArgumentParser:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m emojax.pretrained", description=__doc__, formatter_class=style
    )
    commands = parser.add_subparsers(required=True, metavar="list | import | export")

    lists = commands.add_parser("list", help="architectures, their published files and input coding")
    lists.add_argument("arch", nargs="?", help="one architecture; all by default")
    lists.set_defaults(run=_list)

    imports = commands.add_parser(
        "import",
        help="published weights to a file of emojax",
        description=_IMPORT_HELP,
        formatter_class=style,
    )
    imports.add_argument("file", help="the published file")
    imports.add_argument("--arch", required=True, help="what it holds; see the command list")
    imports.add_argument("--out", help="file to write; ARCH.safetensors by default")
    imports.add_argument(
        "--key", help="where in the file the weights are, if it holds several, e.g. ema.state_dict"
    )
    imports.add_argument(
        "--prefix",
        help="take only tensors whose name starts so, e.g. 'encoder.', and without it; what all names share "
        "is taken away by itself",
    )
    imports.add_argument(
        "--without-head", action="store_true", help="leave the classifier out; of a whole network, all heads"
    )
    imports.add_argument(
        "--num-classes", type=int, help="width of the file's classifier, if not the published one"
    )
    imports.add_argument(
        "--leave-out",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out tensors of the file whose name matches, e.g. 'dense*'; may be repeated",
    )
    imports.add_argument("--attributes", metavar="NPY", help="Places365's W_sceneattribute_wideresnet18.npy")
    imports.add_argument("--quiet", action="store_true", help="only the summary, not every tensor")
    imports.set_defaults(run=_import)

    exports = commands.add_parser("export", help="our weights to a torch state dict (safetensors)")
    exports.add_argument(
        "file", help="a file of emojax, or the work directory of a run (its best checkpoint)"
    )
    exports.add_argument("--out", required=True, help="file to write")
    exports.add_argument(
        "--part",
        default="backbone",
        help="of a run: which part of the network, e.g. backbone (default); 'all' for a whole Emotion-GCN",
    )
    exports.add_argument("--arch", help="of a run: the part's architecture, if its config does not tell")
    exports.set_defaults(run=_export)
    return parser


def _list(options: argparse.Namespace) -> None:
    chosen = [architecture(options.arch)] if options.arch else architectures().values()
    for arch in chosen:
        print(_describe(arch))


def _describe(arch: Architecture) -> str:
    kinds = "torch .pth/.pt/.pth.tar, .safetensors, .npz" + (", Keras .h5/.keras" if arch.keras else "")
    lines = [f"{arch.name}  ({arch.image_size} px; accepts {kinds})"]
    for flavour, coding in arch.codings.items():
        lines.append(f"    input of {flavour} weights: {coding}")
    for file in arch.published:
        known = f"sha256 {file.sha256}..." if file.sha256 else "sha256 not known"
        lines.append(f"    {file.name}: {file.where}")
        lines.append(f"        {file.megabytes:.1f} MB, {known}; {file.licence}")
    if arch.config:
        lines.append(f"    a whole network; {arch.config} builds the same one")
    if not arch.published:
        lines.append("    no published weights; accepts what export wrote")
    return "\n".join(lines) + "\n"


def _import(options: argparse.Namespace) -> None:
    result = import_weights(
        options.file,
        options.arch,
        num_classes=options.num_classes,
        with_head=not options.without_head,
        leave_out=options.leave_out,
        attributes=options.attributes,
        key=options.key,
        prefix=options.prefix,
    )
    out = pathlib.Path(options.out or f"{result.weights.arch}.safetensors")
    save_weights(result.weights, out)
    if not options.quiet:
        for theirs, ours, shape, note in result.mapped:
            print(f"{theirs} -> {ours} {list(shape)}{f'  ({note})' if note else ''}")
        for theirs in result.left_out:
            print(f"{theirs}: left out")
    numbers = sum(v.size for k, v in result.weights.variables.items() if k.startswith("params/"))
    info = result.weights.info
    if result.inert:
        print(f"not tensors, not made: {', '.join(result.inert)}")
    print(f"{len(result.mapped)} tensors, {numbers:,} parameters; {len(result.left_out)} tensors left out")
    print(f"source: {info['source']}, sha256 {info['source_sha256']}{_publisher(options.arch, info)}")
    print(f"images: {architecture(options.arch).codings[info['flavour']]}")
    print(f"Wrote {out}; use it with --config.init_from={out}")


def _publisher(arch: str, info: dict) -> str:
    for file in architecture(arch).published:
        if file.sha256 and info["source_sha256"].startswith(file.sha256):
            return f" ({file.name}, as published)"
    return ""


def _export(options: argparse.Namespace) -> None:
    weights = load_any(options.file, part=options.part, arch=options.arch)
    state = export_weights(weights)
    write_safetensors(state, {"format": "pt"}, options.out)
    print(
        f"Wrote {len(state)} tensors of {weights.arch} to {options.out}. In torch: "
        "model.load_state_dict(safetensors.torch.load_file(FILE))"
    )


if __name__ == "__main__":
    sys.exit(main())
