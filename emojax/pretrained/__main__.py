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
import numpy as np

from emojax import cli
from emojax.files import replacing
from emojax.pretrained.architecture import Architecture
from emojax.pretrained.catalogue import architecture, architectures
from emojax.pretrained.convert import export_weights, import_weights
from emojax.pretrained.export import advice, for_torch
from emojax.pretrained.native import save_weights, write_safetensors

_IMPORT_HELP = """\
Reads torch's .pth, .pt and .pth.tar (a state dict, plain or in a container, or a whole network; nothing in
the pickle is executed), pickled NumPy arrays, .safetensors with torchvision's or timm's names, Keras' .h5
and .keras, and .npz with any of these names. Every tensor has to fit, and each is reported with where it
went. Half precision becomes float32.
"""


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv)


def _run(options: argparse.Namespace) -> None:
    jax.config.update("jax_platforms", "cpu")  # conversion needs no accelerator, which may be busy
    options.run(options)


def _parser() -> cli.Parser:
    parser = cli.Parser("python -m emojax.pretrained", __doc__)
    commands = parser.add_subparsers(required=True, metavar="list | import | export", dest="command")
    _add_list(commands.add_parser("list", help="architectures, their published files and input coding"))
    _add_import(
        commands.add_parser("import", help="published weights to a file of emojax", description=_IMPORT_HELP)
    )
    _add_export(commands.add_parser("export", help="our weights to a torch state dict (safetensors)"))
    return parser


def _add_list(parser: cli.Parser) -> None:
    parser.add_argument("arch", nargs="?", help="one architecture; all by default")
    parser.set_defaults(run=_list)


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
    parser.set_defaults(run=_import)


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
    add("--arch", help="of a run: the part's architecture, if its config does not tell")
    parser.set_defaults(run=_export)


def _list(options: argparse.Namespace) -> None:
    chosen = [architecture(options.arch)] if options.arch else architectures().values()
    for arch in chosen:
        print(_describe(arch))


def _describe(arch: Architecture) -> str:
    kinds = "torch .pth/.pt/.pth.tar, .safetensors, .npz" + (", Keras .h5/.keras" if arch.keras else "")
    size = f"input {list(arch.input_shape)}" if arch.input_shape else f"{arch.image_size} px"
    lines = [f"{arch.name}  ({size}; accepts {kinds})"]
    for flavour, coding in () if arch.input_shape else arch.codings.items():
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
    out = options.out or cli.path(f"{result.weights.arch}.safetensors")
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
    found = for_torch(options.file, options.part, options.arch)
    weights, out = found.weights, pathlib.Path(options.out)
    state = export_weights(weights)
    write_safetensors(state, {"format": "pt"}, out)
    print(f"Wrote {len(state)} tensors of {weights.arch} to {out}. In torch:")
    lines = advice(weights, str(out))
    if found.words is not None:
        words = out.with_name(f"{out.stem}_words.npy")
        with replacing(words) as temporary, temporary.open("wb") as file:
            np.save(file, found.words)
        lines.append(f"words = torch.from_numpy(numpy.load({str(words)!r}))  # model(images, words[None])")
    if found.outputs:
        lines.append(f"# outputs: {', '.join(found.outputs)}")
    print("\n".join(f"    {line}" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
