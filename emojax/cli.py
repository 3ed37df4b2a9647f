"""What every command shares: flags, config files, and errors told in one line."""

from __future__ import annotations

import difflib
import importlib.util
import pathlib
import re
import sys
import threading
from collections.abc import Callable, Sequence

import ml_collections
from absl import app, flags, logging
from ml_collections import config_flags

from emojax.errors import ConfigError, EmojaxError

USER_ERROR = 2
_OVERRIDE = "override"


def define_config() -> flags.FlagHolder:
    """Defines ``--config FILE.py[:variant]`` and ``--config.field=value``."""
    return config_flags.DEFINE_config_file(
        "config",
        None,
        "Config file and variant, e.g. configs/affectnet_gcn.py:demo; fields: --config.batch_size=64",
        lock_config=True,
    )


def define_overrides() -> flags.FlagHolder:
    """Defines ``--config.FIELD=VALUE`` for a command that changes fields of many configs: a list of texts."""
    return flags.DEFINE_multi_string(
        _OVERRIDE, [], "Written --config.FIELD=VALUE: change this field in every row; may be given again."
    )


def run(main: Callable[[Sequence[str]], int | None], *, arguments: int = 0) -> None:
    """Runs a command; an EmojaxError becomes ``error: ...`` on stderr and exit status 2.

    Args:
        main: gets the program's name and the arguments that are no options.
        arguments: how many of these it takes.
    """
    logging.set_verbosity(logging.ERROR)
    # Every thread's error (loader, checkpoint writer) is raised again in the main thread and told there, once.
    threading.excepthook = lambda _: None

    def guarded(argv):
        if len(argv) > 1 + arguments:
            unexpected = argv[1 + arguments]
            return fail(ConfigError(f"Unexpected argument {unexpected!r}; options start with --."))
        try:
            return main(argv)
        except EmojaxError as error:
            return fail(error)

    app.run(guarded, flags_parser=_parse_flags)


def require_config(value) -> ml_collections.ConfigDict:
    """The config of the flag; raises ConfigError when ``--config`` is missing."""
    if value is None:
        raise ConfigError(
            "Which config? Give --config FILE.py[:variant], e.g. --config configs/affectnet_gcn.py:demo or "
            "--config configs/emotic.py:demo (all systems: python -m emojax.systems)."
        )
    return value


def fail(error: Exception) -> int:
    print(f"error: {error}", file=sys.stderr)
    return USER_ERROR


def load_config_file(spec: str) -> ml_collections.ConfigDict:
    """Loads ``path.py[:variant]``.

    Raises:
        ConfigError: no such file (names the near ones) or no such variant.
    """
    path, _, variant = spec.partition(":")
    file = pathlib.Path(path)
    if not file.is_file():
        there = sorted(str(p) for p in pathlib.Path("configs").glob("*.py") if not p.stem.startswith("_"))
        near = difflib.get_close_matches(path, there, n=3, cutoff=0.5) or there
        hint = f" Did you mean {', '.join(near)}?" if near else " Run from the folder that holds configs/."
        raise ConfigError(f"There is no config file {path}.{hint}")
    module_spec = importlib.util.spec_from_file_location(f"emojax_config_{file.stem}", file)
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    if not hasattr(module, "get_config"):
        raise ConfigError(f"{path} defines no get_config(variant): it is not a config file.")
    return module.get_config(variant) if variant else module.get_config()


def _parse_flags(argv: Sequence[str]) -> list[str]:
    argv = [_with_underscores(argument) for argument in argv]
    try:
        spec = _config_argument(argv)
        if spec is not None:
            _check_overrides(argv, load_config_file(spec))
        if _OVERRIDE in flags.FLAGS:
            argv = [re.sub(r"^--?config\.(?=[\w.]+=)", f"--{_OVERRIDE}=", argument) for argument in argv]
        return flags.FLAGS(argv)
    except EmojaxError as error:
        sys.exit(fail(error))
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError) as error:
        sys.exit(fail(ConfigError(f"{' '.join(str(error).split())}. Try --help.")))


def _with_underscores(argument: str) -> str:
    """``--max-steps=3`` as ``--max_steps=3``."""
    match = re.fullmatch(r"--(\w[\w-]*)((=.*)?)", argument, re.DOTALL)
    return f"--{match[1].replace('-', '_')}{match[2]}" if match else argument


def _config_argument(argv: Sequence[str]) -> str | None:
    for i, argument in enumerate(argv):
        if argument in ("--config", "-config") and i + 1 < len(argv):
            return argv[i + 1]
        if match := re.fullmatch(r"--?config=(.*)", argument):
            return match[1]
    return None


def _check_overrides(argv: Sequence[str], config: ml_collections.ConfigDict) -> None:
    """Raises ConfigError for ``--config.a.b`` that the config does not have, naming the nearest field."""
    known = list(config_fields(config))
    for argument in argv:
        match = re.match(r"--?config\.([\w.]+)", argument)
        if match and match[1] not in known:
            raise unknown_field(match[1], known)


def config_fields(config: ml_collections.ConfigDict, prefix: str = ""):
    """Dotted names of the leaves of a config, e.g. ``optimizer.learning_rate``."""
    for key, value in config.items():
        if isinstance(value, ml_collections.ConfigDict):
            yield from config_fields(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def unknown_field(name: str, known: Sequence[str]) -> ConfigError:
    by_leaf = [k for k in known if k.rsplit(".", 1)[-1] == name.rsplit(".", 1)[-1]]
    near = by_leaf or difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join('config.' + n for n in near)}?" if near else ""
    return ConfigError(f"The config has no field config.{name}.{hint}")
