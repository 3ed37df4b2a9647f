"""Published weights into ours, and ours into a torch state dict, every tensor accounted for."""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import pathlib
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from emojax.errors import CheckpointError, ConfigError
from emojax.files import archive_explained, require_regular
from emojax.models.constants import CONSTANTS, init_with_constants
from emojax.pretrained import keras_names, torch_names
from emojax.pretrained.architecture import Architecture
from emojax.pretrained.catalogue import architecture, architectures, build
from emojax.pretrained.coding import require_possible_statistics
from emojax.pretrained.layouts import SourceTensor, flatten
from emojax.pretrained.native import Weights, sha256
from emojax.pretrained.readers import SourceFile, read_file

_SHOWN = 5  # names of one kind in an error message


@dataclasses.dataclass(frozen=True)
class Imported:
    """Result of an import.

    Attributes:
        weights: ours.
        mapped: (source tensor, our path, shape, note) for every variable; a note tells a change of dtype.
        left_out: source tensors that were not taken: the caller asked so, or the network has no use for them.
        inert: other objects of the file, which were not made.
        others: names of further state dicts in the file, which `key` reads.
    """

    weights: Weights
    mapped: list[tuple[str, str, tuple[int, ...], str]]
    left_out: list[str]
    inert: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def import_weights(
    path: str | pathlib.Path,
    arch_name: str,
    *,
    num_classes: int | None = None,
    with_head: bool = True,
    leave_out: Sequence[str] = (),
    attributes: str | pathlib.Path | None = None,
    key: str | None = None,
    prefix: str | None = None,
) -> Imported:
    """Reads published weights of one architecture.

    Half precision and double precision become float32; nothing else is changed.

    Args:
        path: torch, safetensors, Keras or .npz file, see `readers.read_file`.
        arch_name: see `catalogue.architectures`.
        num_classes: width of the file's classifier; that of the published file when None.
        with_head: False leaves the classifier out, whether the file has it or not; of a whole network, it leaves
            its backbone alone.
        leave_out: patterns (``*``, ``?``) of names in the file that are not wanted.
        attributes: Places365's ``W_sceneattribute_wideresnet18.npy``, for ``wide_resnet18_places``.
        key: which container of a torch file to read, e.g. ``ema.state_dict``; None looks for the usual ones.
        prefix: take only tensors whose name starts so, and without it; None takes away what all names share,
            where the architecture's own names lie behind it.

    Raises:
        CheckpointError: the file cannot be read; a tensor is missing, unknown, misshapen, not finite or not
            floating point (each with its name).
        ConfigError: no such architecture, or an option that it does not have.
    """
    arch = architecture(arch_name)
    if attributes and "attributes" not in arch.heads:
        raise ConfigError(f"--attributes goes with wide_resnet18_places, not with {arch_name}.")
    if num_classes is not None and (num_classes < 1 or not arch.heads):
        reason = "a classifier has 1 class or more" if arch.heads else f"{arch_name} has no classifier"
        raise ConfigError(f"--num-classes is {num_classes}, but {reason}.")
    source = read_file(path, key)
    classes = arch.num_classes if num_classes is None else num_classes
    shapes = abstract_shapes(arch.name, classes)
    wanted = _source_tensors(arch, source, shapes)
    names, values = _select(arch, source, wanted, leave_out, prefix)
    _require_own_network(path, arch, wanted, values)
    constants = {name: _constant(path, name, values.pop(name)) for name in arch.constants if name in values}
    if not with_head:
        is_head = arch.is_beside_backbone if arch.backbone else arch.is_head
        names += [wanted[p].name for p in shapes if is_head(p) and wanted[p].name in values]
        values = {k: v for k, v in values.items() if k not in set(names)}
        wanted = {p: t for p, t in wanted.items() if not is_head(p)}
        constants = {}
    _require_fit(path, arch, _compare(arch, shapes, wanted, values), with_head)
    variables, mapped = _convert(path, wanted, values)
    require_possible_statistics(path, arch, arch.codings[source.flavour], variables)
    if attributes:
        variables["params/attributes/kernel"] = _read_attributes(attributes)
    info = {
        "source": pathlib.Path(path).name,
        "source_sha256": sha256(path),
        "flavour": source.flavour,
        "input": dataclasses.asdict(arch.codings[source.flavour]),
        "num_classes": classes if with_head else 0,
    }
    weights = Weights(arch_name, variables, constants, info)
    weights = weights if with_head or not arch.backbone else backbone_of(weights)
    return Imported(weights, mapped, sorted(names), source.inert, source.others)


def backbone_of(weights: Weights) -> Weights:
    """The backbone of a whole network, as weights of its own architecture; a backbone as it is."""
    arch = architecture(weights.arch)
    if not arch.backbone:
        return weights
    chosen = {p: v for p, v in weights.variables.items() if not arch.is_beside_backbone(p)}
    variables = {p.replace("/backbone/", "/", 1): v for p, v in chosen.items()}
    return Weights(arch.backbone, variables, {}, {**weights.info, "num_classes": 0})


def export_weights(weights: Weights) -> dict[str, np.ndarray]:
    """Our weights as a torch state dict under the publishers' names, the reverse of `import_weights`."""
    arch = architecture(weights.arch)
    shapes = {path: value.shape for path, value in weights.variables.items()}
    torch = torch_names.torch_tensors(arch.name, arch.torch, shapes)
    state = {torch[p].name: torch[p].layout.to_source(v) for p, v in weights.variables.items()}
    counters = {
        name.replace("running_mean", "num_batches_tracked") for name in state if "running_mean" in name
    }
    return {**state, **{n: np.zeros((), np.int64) for n in counters}, **weights.constants}


@functools.cache
def abstract_shapes(arch_name: str, num_classes: int, num_attributes: int = 0) -> dict[str, tuple[int, ...]]:
    """Shapes of our variables by path, without computing any."""
    arch = architecture(arch_name)
    shape = arch.input_shape or (arch.image_size, arch.image_size, 3)
    image = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    net, constants = build(arch, num_classes, num_attributes)
    init = functools.partial(init_with_constants, net, constants, jax.random.key(0), train=False)
    variables = {k: v for k, v in jax.eval_shape(init, image).items() if k != CONSTANTS}
    return {path: leaf.shape for path, leaf in flatten(variables).items()}


def _source_tensors(
    arch: Architecture, source: SourceFile, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, SourceTensor]:
    """Our variables -> tensors of the source."""
    if source.flavour == "emojax":
        raise CheckpointError(f"{source.path} is already a file of emojax; name it in config.init_from.")
    if source.flavour == "torch":
        return torch_names.torch_tensors(arch.name, arch.torch, shapes)
    if arch.keras is None:
        raise CheckpointError(
            f"{source.path} is a Keras file, but Keras has no {arch.name} as ours; see list."
        )
    return keras_names.keras_tensors(arch.keras, shapes)


def _select(
    arch: Architecture,
    source: SourceFile,
    wanted: Mapping[str, SourceTensor],
    leave_out: Sequence[str],
    prefix: str | None,
) -> tuple[list[str], dict[str, np.ndarray]]:
    """(names left out, the other tensors under today's names)."""
    patterns = (*leave_out, *(arch.unused if source.flavour == "torch" else ()))
    dropped = {n for n in source.tensors if any(fnmatch.fnmatchcase(n, p) for p in patterns)}
    if prefix is not None:
        dropped |= {n for n in source.tensors if not torch_names.unwrapped(n).startswith(prefix)}
        if len(dropped) == len(source.tensors):
            first = sorted({n.split(".")[0] for n in source.tensors})[:_SHOWN]
            raise CheckpointError(
                f"{source.path} has no tensor under {prefix!r}; its names start with {first}."
            )
    kept = {n: v for n, v in source.tensors.items() if n not in dropped}
    if source.flavour == "keras":
        return sorted(dropped), keras_names.normalise_names(arch.name, kept)
    kept = {torch_names.unwrapped(n).removeprefix(prefix or ""): v for n, v in kept.items()}
    names = [tensor.name for tensor in wanted.values()]
    return sorted(dropped), torch_names.normalise_names(kept, (*names, *arch.constants))


@dataclasses.dataclass(frozen=True)
class _Fit:
    """How the tensors of a file and those of an architecture differ."""

    wanted: int
    missing: list[str]
    unknown: list[str]
    misshapen: list[str]
    head_is_missing: bool  # and nothing else is
    head_classes: int | None  # width of the file's classifier when it is another one


def _compare(arch: Architecture, shapes, wanted: Mapping[str, SourceTensor], values) -> _Fit:
    missing = [path for path, tensor in wanted.items() if tensor.name not in values]
    unknown = sorted(values.keys() - {tensor.name for tensor in wanted.values()})
    misshapen, classes = [], None
    for path, tensor in wanted.items():
        if path in missing:
            continue
        value, shape = values[tensor.name], shapes[path]
        found = tensor.layout.from_source(value).shape
        if found != shape:
            needed = tensor.layout.to_source(np.broadcast_to(np.float32(0), shape)).shape
            misshapen.append(f"{tensor.name} (has {list(value.shape)}, needs {list(needed)})")
            if arch.is_head(path) and found[:-1] == shape[:-1]:
                classes = found[-1]
    only_head = bool(missing) and all(map(arch.is_head, missing))
    names = [wanted[path].name for path in missing]
    return _Fit(len(wanted), names, unknown, misshapen, only_head, classes)


def _require_fit(path, arch: Architecture, fit: _Fit, with_head: bool) -> None:
    """Raises CheckpointError that names the tensors which are missing, unknown or misshapen."""
    kinds = {"missing": fit.missing, "unknown": fit.unknown, "misshapen": fit.misshapen}
    problems = [
        f"{len(names)} {kind}: {', '.join(names[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''}"
        for kind, names in kinds.items()
        if names
    ]
    if not problems:
        return
    hint = ""
    if len(fit.missing) > fit.wanted // 2:
        hint = f" It looks like {_guess(fit)}."
    elif fit.head_classes is not None and with_head:
        classes = fit.head_classes
        hint = f" Its classifier is {classes} wide: pass --num-classes {classes}, or --without-head."
    elif fit.head_is_missing and not fit.misshapen:
        hint = " It has no classifier of that name: pass --without-head."
    elif fit.unknown:
        hint = " What is not wanted can be left out by name: --leave-out 'PATTERN'."
    raise CheckpointError(f"{path} does not fit {arch.name}: {'; '.join(problems)}.{hint}")


def _guess(fit: _Fit) -> str:
    """What the file may be, by the names that it has and the architecture has not."""
    for other in architectures().values():
        if other.known_by and set(other.known_by) <= set(fit.unknown):
            return f"{other.name}: pass --arch {other.name}"
    prefix = torch_names.likely_prefix(fit.unknown, fit.missing)
    if prefix:
        return f"this architecture beside others: pass --prefix {prefix!r}"
    return "another architecture; see python -m emojax.pretrained list"


def _require_own_network(path, arch: Architecture, wanted: Mapping[str, SourceTensor], values) -> None:
    for tensor in (wanted[p] for p in wanted if arch.is_head(p)):
        width = np.shape(values.get(tensor.name, ()))[:1]
        if width and width[0] in arch.other_networks:
            raise CheckpointError(
                f"{path} holds another network than {arch.name}: {arch.other_networks[width[0]]}."
            )


def _constant(path, name: str, value: np.ndarray) -> np.ndarray:
    array = np.asarray(value, np.float32)
    if not np.isfinite(array).all():
        raise CheckpointError(f"{path}: {name} holds NaN or infinity; the file is of no use.")
    return array


def _convert(path, wanted: Mapping[str, SourceTensor], values: Mapping[str, np.ndarray]):
    variables, mapped = {}, []
    for ours, tensor in wanted.items():
        value = values[tensor.name]
        if not jnp.issubdtype(value.dtype, jnp.floating):
            raise CheckpointError(f"{path}: {tensor.name} is {value.dtype}: quantised weights are not read.")
        note = "" if value.dtype == np.float32 else f"{value.dtype} -> float32"
        with np.errstate(over="ignore"):  # reported below
            array = np.array(tensor.layout.from_source(value), np.float32, order="C")
        if not np.isfinite(array).all():
            raise CheckpointError(f"{path}: {tensor.name} holds NaN or infinity; the file is of no use.")
        variables[ours] = array
        mapped.append((tensor.name, ours, array.shape, note))
    return variables, mapped


def _read_attributes(path: str | pathlib.Path) -> np.ndarray:
    """Places365's attribute matrix ``[102, 512]`` as a kernel ``[512, 102]``."""
    with archive_explained(path, error=CheckpointError, mend="It is not Places365's attribute matrix."):
        require_regular(path)
        matrix = np.load(path, allow_pickle=False)
    if getattr(matrix, "shape", None) != (102, 512) or not np.isfinite(matrix).all():
        raise CheckpointError(f"{path} is not Places365's attribute matrix, a .npy of shape (102, 512).")
    return np.array(matrix.T, np.float32, order="C")
