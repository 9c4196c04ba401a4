"""Counter-based random numbers: Philox4x32-10 as kernels.

A number is a pure function of (run's key, cell's uid, step, stream), so it depends neither on the order of the cells
nor on the number of threads, and nothing has to be stored between steps. Source: Salmon, Moraes, Dror and Shaw,
"Parallel random numbers: as easy as 1, 2, 3", SC11 (2011).
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np

from tumorabm.kernels import kernel


class Stream(IntEnum):
    """One named stream for each use of random numbers, so that no two uses ever share a number.

    The value is the last word of the Philox counter. A new use gets a new line and a new value; values are never
    reused, for they are part of what makes a seed repeat.
    """

    PLACEMENT = 1  # where cells lie at the start
    VESSELS = 2  # where vessels lie
    EXPRESSION = 3  # a cell's lasting differences at the start, such as ASNS expression
    DRIFT = 4  # change of what a daughter inherits
    DIVISION = 6  # the axis of a division
    DEATH = 7  # chance events of dying
    MOTILITY_RENEWAL = 8  # whether a cell turns in a step
    MOTILITY_DIRECTION = 9  # where it turns to
    COINCIDENCE = 10  # along which line two coincident centres are pushed apart
    PHASE_LENGTH = 11  # how long a clock's phases last; its step is four times the cell's cycles, plus the phase
    METHYLATION = 12  # whether the promoter's methylation flips in a daughter
    DETACHMENT = 13  # whether a cell detaches, and whether it enters a vessel
    CIRCULATION = 14  # whether a cell in the blood dies, and whether it leaves the blood
    ARRIVAL = 15  # where it settles


_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_20 = np.uint64(20)


@kernel
def philox_words(key0, key1, counter0, counter1, counter2, counter3):
    """Return four random 32-bit words.

    Parameters
    ----------
    key0, key1, counter0, counter1, counter2, counter3
        32-bit words (higher bits are dropped).

    Returns
    -------
    tuple of four uint32
    """
    k0, k1 = np.uint64(key0) & _LOW, np.uint64(key1) & _LOW
    c0, c1 = np.uint64(counter0) & _LOW, np.uint64(counter1) & _LOW
    c2, c3 = np.uint64(counter2) & _LOW, np.uint64(counter3) & _LOW
    for _ in range(10):
        product0 = _MULTIPLIER_0 * c0
        product1 = _MULTIPLIER_1 * c2
        c0, c1 = (product1 >> _32) ^ c1 ^ k0, product1 & _LOW
        c2, c3 = (product0 >> _32) ^ c3 ^ k1, product0 & _LOW
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return np.uint32(c0), np.uint32(c1), np.uint32(c2), np.uint32(c3)


@kernel
def _fraction(high, low):
    # 52 bits and a half: symmetric about 1/2, and neither end can be met (with 53 bits the largest would round to 1).
    bits = (np.uint64(high) << _20) | (np.uint64(low) >> np.uint64(12))
    return (np.float64(bits) + 0.5) * 2.0**-52


@kernel
def uniform_pair(key, uid, step, stream):
    """Return two independent numbers, uniform in the open interval (0, 1), 52 bits each.

    Parameters
    ----------
    key
        The run's key, 64 bits.
    uid
        The cell's number, 64 bits, not negative.
    step
        The step, 32 bits.
    stream
        A value of `Stream`.

    Returns
    -------
    tuple of two float64
    """
    k, u = np.uint64(key), np.uint64(uid)
    w0, w1, w2, w3 = philox_words(k & _LOW, k >> _32, u & _LOW, u >> _32, step, stream)
    return _fraction(w0, w1), _fraction(w2, w3)


@kernel
def uniform(key, uid, step, stream):
    """Return one number, uniform in (0, 1): the first of `uniform_pair`."""
    return uniform_pair(key, uid, step, stream)[0]


@kernel
def normal_pair(key, uid, step, stream):
    """Return two independent standard normal numbers (Box and Muller 1958); arguments as for `uniform_pair`."""
    first, second = uniform_pair(key, uid, step, stream)
    radius = math.sqrt(-2.0 * math.log(first))
    angle = 2.0 * math.pi * second
    return radius * math.cos(angle), radius * math.sin(angle)


@kernel
def unit_vector(key, uid, step, stream, ndim):
    """Return an isotropic direction (x, y, z), with z = 0 where ``ndim`` is 2; arguments as for `uniform_pair`."""
    first, second = uniform_pair(key, uid, step, stream)
    angle = 2.0 * math.pi * first
    z = 2.0 * second - 1.0 if ndim == 3 else 0.0
    in_plane = math.sqrt(1.0 - z * z)
    return in_plane * math.cos(angle), in_plane * math.sin(angle), z


@kernel
def _fill_uniform_pairs(key, uids, step, stream, out):
    for i in range(uids.size):
        out[i, 0], out[i, 1] = uniform_pair(key, uids[i], step, stream)


@kernel
def _fill_normal_pairs(key, uids, step, stream, out):
    for i in range(uids.size):
        out[i, 0], out[i, 1] = normal_pair(key, uids[i], step, stream)


def uniform_pairs(key: int, uids: np.ndarray, step: int, stream: Stream) -> np.ndarray:
    """Return `uniform_pair` of each of ``uids`` (int64, (n,)) as an array float64 (n, 2)."""
    return _filled(_fill_uniform_pairs, key, uids, step, stream)


def normal_pairs(key: int, uids: np.ndarray, step: int, stream: Stream) -> np.ndarray:
    """Return `normal_pair` of each of ``uids`` (int64, (n,)) as an array float64 (n, 2)."""
    return _filled(_fill_normal_pairs, key, uids, step, stream)


def _filled(fill, key, uids, step, stream):
    uids = np.ascontiguousarray(uids, dtype=np.int64)
    out = np.empty((uids.size, 2))
    fill(np.uint64(key), uids, int(step), int(stream), out)
    return out
