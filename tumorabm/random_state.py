"""The states of random generators as plain numbers and arrays, and generators made from them again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from tumorabm.packing import in_memory


def generator_state(generator: np.random.Generator) -> dict[str, Any]:
    """Return the state of a NumPy generator, as its bit generator gives it."""
    return generator.bit_generator.state


def restored_generator(state: Mapping[str, Any]) -> np.random.Generator:
    """Return a NumPy generator that goes on where the one stood whose `generator_state` this was.

    Raises
    ------
    ValueError
        NumPy has no bit generator of the name in ``state``.
    """
    name = state["bit_generator"]
    kind = getattr(np.random, name, None)
    if not (isinstance(kind, type) and issubclass(kind, np.random.BitGenerator)):
        raise ValueError(f"restore: expected a bit generator of NumPy, got {name!r}")
    bit_generator = kind()
    bit_generator.state = in_memory(state)
    return np.random.Generator(bit_generator)


def python_random_state(generator: random.Random) -> dict[str, Any]:
    """Return the state of one of Python's generators."""
    version, words, gauss_next = generator.getstate()
    return {"version": version, "words": np.array(words, dtype=np.uint32), "gauss_next": gauss_next}


def restore_python_random(generator: random.Random, state: Mapping[str, Any]) -> None:
    """Let one of Python's generators go on where the one stood whose `python_random_state` this was."""
    words = np.asarray(state["words"]).tolist()
    generator.setstate((state["version"], tuple(words), state["gauss_next"]))
