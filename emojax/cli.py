"""What every command shares: options, config files, ``FIELD=VALUE``, and mistakes reported in one line."""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib.util
import logging as python_logging
import os
import pathlib
import re
import select
import sys
import threading
from collections.abc import Callable, Iterator, Sequence

import ml_collections
from absl import flags, logging

from emojax import interrupt
from emojax.catalogue import config_folder
from emojax.errors import ConfigError, EmojaxError

USER_ERROR, BROKEN_PIPE = 2, 141
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class UsageError(EmojaxError):
    """An option is unknown, missing, or has a value of the wrong kind; `usage` is that of the command."""

    def __init__(self, message: str, usage: str):
        super().__init__(message)
        self.usage = usage


class Parser(argparse.ArgumentParser):
    """Options of a command, in any order; ``--max-steps`` is ``--max_steps``.

    A mistake raises `UsageError`: an unknown option with the nearest name, within the subcommand it was given to.
    """

    def __init__(self, prog: str, description: str | None = None, **options):
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(prog, description=description, allow_abbrev=False, **options)
        self._takes_changes = False

    def add_config(self) -> None:
        """Adds ``--config FILE.py[:variant]`` and ``--config.FIELD=VALUE``; see `read_config`."""
        self.add_argument("--config", metavar="FILE[:VARIANT]", help="config file and variant of it")
        self.add_changes("set any field of the config, e.g. --config.batch_size=64")

    def add_changes(self, text: str) -> None:
        """Adds ``--config.FIELD=VALUE`` (or ``--config.FIELD VALUE``), many times: `changes`, texts FIELD=VALUE."""
        self.add_argument("--config.FIELD", metavar="VALUE", dest="changes", action="append", help=text)
        self._takes_changes = True

    def parse_args(self, args: Sequence[str] | None = None, namespace=None) -> argparse.Namespace:
        arguments = [_with_underscores(a) for a in (sys.argv[1:] if args is None else args)]
        changes, arguments = self._split_changes(arguments) if self._takes_changes else ([], arguments)
        options = super().parse_args(arguments, namespace)
        if self._takes_changes:
            options.changes = changes
        return options

    def parse_known_args(self, args=None, namespace=None):
        self._require_known(args)  # before a missing option is reported: that one may be the misspelt one
        options, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"Unexpected argument {rest[0]!r}; options start with --")
        return options, rest

    def error(self, message: str):
        end = "" if message.endswith("?") else "."
        raise UsageError(
            f"{message[0].upper()}{message[1:]}{end} See {self.prog} --help.", self.format_usage()
        )

    def _require_known(self, arguments: Sequence[str]) -> None:
        for argument in arguments:
            if argument == "--" or (self._subparsers and not argument.startswith("-")):
                return  # what follows a subcommand is the subcommand's
            name, _, _ = argument.partition("=")
            if re.fullmatch(r"--?[A-Za-z][\w.]*", name) and name not in self._option_string_actions:
                near = difflib.get_close_matches(name, self._option_string_actions, n=2, cutoff=0.6)
                self.error(
                    f"There is no option {name}" + (f"; did you mean {' or '.join(near)}?" * bool(near))
                )

    def _split_changes(self, arguments: Sequence[str]) -> tuple[list[str], list[str]]:
        """``FIELD=VALUE`` of every ``--config.FIELD=VALUE`` or ``--config.FIELD VALUE``, and the other arguments."""
        changes, others = [], []
        waiting = iter(arguments)
        for argument in waiting:
            match = re.fullmatch(r"--config\.([\w.]+)(?:=(.*))?", argument, re.DOTALL)
            if match is None:
                others.append(argument)
                continue
            field, value = match[1], match[2] if match[2] is not None else next(waiting, None)
            if value is None or (match[2] is None and value.startswith("--")):
                self.error(f"Which value? Give --config.{field}=VALUE")
            changes.append(f"{field}={value}")
        return changes, others


def _with_underscores(argument: str) -> str:
    """``--max-steps=3`` as ``--max_steps=3``."""
    match = re.fullmatch(r"--(\w[\w-]*)((=.*)?)", argument, re.DOTALL)
    return f"--{match[1].replace('-', '_')}{match[2]}" if match else argument


def path(text: str) -> pathlib.Path:
    """Type of an option that is a file or a folder: ``~`` is the home folder."""
    try:
        return pathlib.Path(text).expanduser()
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None


def names(text: str) -> tuple[str, ...]:
    """Type of an option that lists names: ``a,b``."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


def whole_number(low: int, high: int | None = None) -> Callable[[str], int]:
    """Type of an option that is an integer of at least `low` and at most `high`."""
    wanted = f"a whole number of at least {low}" if high is None else f"a whole number from {low} to {high}"

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}") from None
        if value < low or (high is not None and value > high):
            raise argparse.ArgumentTypeError(f"{value} is not {wanted}")
        return value

    return read


def run(
    parser: Parser,
    main: Callable[[argparse.Namespace], int | None],
    argv: Sequence[str] | None = None,
    *,
    interrupted: str = "the same command starts again",
) -> int:
    """Runs a command and returns its exit status.

    An EmojaxError or OSError becomes ``error: ...`` on stderr and status 2; Ctrl-C a line and status 130; a reader
    of the output that has gone away (``| head``) status 141 without a word.

    Args:
        parser: of the options.
        main: gets the options; returns the exit status, None for 0.
        argv: arguments; those of the process by default.
        interrupted: what Ctrl-C leaves behind.
    """
    quiet_libraries()
    try:
        try:
            interrupt.begin_command()
            status = main(parser.parse_args(argv)) or 0
        except UsageError as error:
            status = fail(error)
            print(error.usage, end="", file=sys.stderr)
        except EmojaxError as error:
            status = fail(error)
        except KeyboardInterrupt:
            interrupt.end_command()
            print(f"interrupted: {interrupted}", file=sys.stderr)
            status = interrupt.STATUS
        except SystemExit as end:  # of --help
            status = end.code or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        if not _forget_output():
            raise
        return BROKEN_PIPE
    except OSError as error:
        return fail(error)


def _forget_output() -> bool:
    """Whether nobody reads the output; then what is still buffered is not reported as an error at exit."""
    output = select.poll()
    output.register(sys.stdout.fileno(), select.POLLOUT)
    if not any(event & (select.POLLERR | select.POLLHUP) for _, event in output.poll(0)):
        return False
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return True


def quiet_libraries() -> None:
    """Keeps libraries from talking over a command, and tells absl that there are no flags of its kind (Grain asks).

    What Orbax and asyncio log of a checkpoint that could not be written is raised in the main thread, too. What OpenCV
    warns of (a video that it cannot open) becomes a line of the command's own.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")  # read when OpenCV is imported, as the next one
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    logging.set_verbosity(logging.FATAL)
    python_logging.getLogger("asyncio").setLevel(python_logging.CRITICAL)
    flags.FLAGS.mark_as_parsed()
    threading.excepthook = _tell_of_a_dead_thread
    sys.unraisablehook = _report_unraisable


def _tell_of_a_dead_thread(dead) -> None:
    """The end of a thread that handed its error over to nobody."""
    if dead.exc_type is SystemExit:
        return
    name = dead.thread.name if dead.thread else "?"
    print(f"error: thread {name} died: {dead.exc_type.__name__}: {dead.exc_value}", file=sys.stderr)


def _report_unraisable(raised) -> None:
    """As Python does, but for TensorStore's threads that report to the loop of a save which has failed and is over."""
    of_a_save = raised.exc_type is RuntimeError and str(raised.exc_value) == "Event loop is closed"
    if not of_a_save:
        sys.__unraisablehook__(raised)


def fail(error: Exception) -> int:
    print(f"error: {error}", file=sys.stderr)
    return USER_ERROR


def read_config(options: argparse.Namespace) -> ml_collections.ConfigDict:
    """The config of ``--config`` with the fields of ``--config.FIELD=VALUE``, locked.

    Raises:
        ConfigError: no ``--config``, or see `load_config_file` and `change`.
    """
    if options.config is None:
        raise ConfigError(
            "Which config? Give --config FILE.py[:variant], e.g. --config configs/affectnet_gcn.py:demo or "
            "--config configs/emotic.py:demo (all systems: python -m emojax.systems)."
        )
    config = load_config_file(options.config)
    for text in options.changes:
        change(config, text)
    return config.lock()


def load_config_file(spec: str) -> ml_collections.ConfigDict:
    """Loads ``path.py[:variant]``; ``~`` in it and in its values is the home folder.

    Where there is no file ``configs/NAME.py``, the one that comes with emojax is taken.

    Raises:
        ConfigError: no such file (names the near ones) or no such variant.
    """
    name, _, variant = spec.partition(":")
    file = pathlib.Path(os.path.expanduser(name))
    own = config_folder()
    if not file.is_file() and file.parent == pathlib.Path("configs"):
        file = own / file.name
    if not file.is_file():
        there = sorted(f"configs/{path.name}" for path in own.glob("*.py") if not path.stem.startswith("_"))
        near = difflib.get_close_matches(name, there, n=3, cutoff=0.5) or there
        raise ConfigError(f"There is no config file {name}. Did you mean {', '.join(near)}?")
    module_spec = importlib.util.spec_from_file_location(f"emojax_config_{file.stem}", file)
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    if not hasattr(module, "get_config"):
        raise ConfigError(f"{name} defines no get_config(variant): it is not a config file.")
    config = module.get_config(variant) if variant else module.get_config()
    for field in list(config_fields(config)):
        value = field_value(config, field)
        if isinstance(value, str) and value.startswith("~"):
            config.update_from_flattened_dict({field: os.path.expanduser(value)})
    return config


def change(config: ml_collections.ConfigDict, text: str) -> None:
    """Sets a field of a config from ``FIELD=VALUE``; the value is read as the field's present one is typed.

    Raises:
        ConfigError: no such field (names the near ones), or the value is of another type.
    """
    field, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"{text!r} sets nothing: write FIELD=VALUE, e.g. batch_size=64.")
    known = list(config_fields(config))
    if field not in known:
        raise unknown_field(field, known)
    now = field_value(config, field)
    try:
        typed = _typed(value, now)
    except (TypeError, ValueError, SyntaxError):
        kind = _KINDS.get(type(now), f"{type(now).__name__} values")
        raise ConfigError(f"config.{field} cannot be {value!r}: it takes {kind} like {now!r}.") from None
    config.update_from_flattened_dict({field: typed})


_KINDS = {bool: "true or false,", int: "whole numbers", float: "numbers"}


def _typed(text: str, like):
    if isinstance(like, bool):
        if text.lower() not in _TRUTHS:
            raise ValueError(text)
        return _TRUTHS[text.lower()]
    if isinstance(like, int):
        return int(text)
    if isinstance(like, float):
        return float(text)
    if isinstance(like, str):
        return os.path.expanduser(text) if text.startswith("~") else text
    value = ast.literal_eval(text)
    if not isinstance(like, (tuple, list)):
        return value
    values = value if isinstance(value, (tuple, list)) else (value,)
    if like and any(type(one) is not type(like[0]) for one in values):
        raise ValueError(text)
    return type(like)(values)


def field_value(config: ml_collections.ConfigDict, field: str):
    """The value of a dotted field."""
    for name in field.split("."):
        config = config[name]
    return config


def config_fields(config: ml_collections.ConfigDict, prefix: str = "") -> Iterator[str]:
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
