"""A web page around a trained system; see `emojax.app`."""
