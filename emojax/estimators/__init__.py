"""Estimators that scikit-learn fits at once: an SVM, random forests, principal components.

A fitted estimator is a mapping name -> NumPy array, nothing else. It goes into an ``.npz``, into the variables or into
the constants of a system as it is, is read without scikit-learn and never pickled. (`skops` would store scikit-learn's
own objects: more bytes, bound to its version, and useless inside a compiled step.)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]
