"""Preparation of data sets. A command; nothing under `emojax` imports it."""

import emojax  # noqa: F401, first: Ctrl-C while the rest is imported is one line
