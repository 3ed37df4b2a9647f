"""What the subcommands of ``python -m emojax.pretrained`` do; apart from the options, which do not wait for JAX."""

from __future__ import annotations

import argparse
import pathlib

import jax
import numpy as np

from emojax import cli
from emojax.errors import OutputError
from emojax.files import replacing
from emojax.pretrained.architecture import Architecture
from emojax.pretrained.catalogue import architecture, architectures
from emojax.pretrained.convert import export_weights, import_weights
from emojax.pretrained.export import advice, for_torch
from emojax.pretrained.expression import import_expression
from emojax.pretrained.native import save_weights, write_safetensors


def run(options: argparse.Namespace) -> None:
    """Runs the subcommand `options.command`."""
    jax.config.update("jax_platforms", "cpu")  # conversion needs no accelerator, which may be busy
    commands = {"list": list_architectures, "import": import_file, "export": export_file}
    (commands | {"expression": import_whole})[options.command](options)


def import_whole(options: argparse.Namespace) -> None:
    if options.to.exists() and (not options.to.is_dir() or any(options.to.iterdir())):
        raise OutputError(f"{options.to} is there and not empty. Choose another --to, or delete it.")
    name = import_expression(options.file, options.to)
    print(f"{name} is in {options.to}: python -m emojax.predict --model {options.to} PICTURE...")


def list_architectures(options: argparse.Namespace) -> None:
    chosen = [architecture(options.arch)] if options.arch else architectures().values()
    for arch in chosen:
        print(_describe(arch))


def _describe(arch: Architecture) -> str:
    kinds = "torch .pth/.pt/.pth.tar, .safetensors, .npz" + (", Keras .h5/.keras" if arch.keras else "")
    size = f"input {list(arch.input_shape)}" if arch.input_shape else f"{arch.image_size} px"
    lines = [f"{arch.name}  ({size}; accepts {kinds})"]
    for flavour, coding in arch.codings.items() if arch.reads_pixels else ():
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


def import_file(options: argparse.Namespace) -> None:
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
    if result.others:
        print(f"the file holds other weights, too, which are not taken: --key {' or '.join(result.others)}")
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


def export_file(options: argparse.Namespace) -> None:
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
