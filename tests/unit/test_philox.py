"""Random numbers from a counter: published answers, distribution, independence."""

import math

import numpy as np
import pytest
from scipy import stats

from tumorabm.philox import (
    Stream,
    _fraction,
    normal_pair,
    normal_pairs,
    philox_words,
    uniform,
    uniform_pair,
    uniform_pairs,
    unit_vector,
)

KEY = 0x9A3C_51E7_0D2B_4F68


def naive_philox(key, counter):
    """Philox4x32-10 in Python integers."""
    k0, k1 = key
    c0, c1, c2, c3 = counter
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c0, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c2, 2**32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


@pytest.mark.parametrize(
    ("key", "counter", "words"),
    [
        ((0, 0), (0, 0, 0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 4, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0xA4093822, 0x299F31D0),
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_words_are_those_published_with_random123(key, counter, words):
    assert tuple(int(word) for word in philox_words(*key, *counter)) == words
    assert naive_philox(key, counter) == words


@pytest.mark.parametrize("uid", [1, 2**31, 2**40 + 5, 2**62])
def test_a_pair_comes_from_key_uid_step_and_stream_word_by_word(uid):
    key, step = KEY, 2**32 - 1
    words = naive_philox((key % 2**32, key >> 32), (uid % 2**32, uid >> 32, step, int(Stream.DEATH)))
    expected = [((high * 2**32 + low) >> 12) * 2.0**-52 + 2.0**-53 for high, low in (words[:2], words[2:])]
    pair = uniform_pair(np.uint64(key), uid, step, int(Stream.DEATH))
    assert list(pair) == expected
    assert uniform(np.uint64(key), uid, step, int(Stream.DEATH)) == expected[0]
    assert uniform_pairs(key, [uid], step, Stream.DEATH).tolist() == [expected]


def test_neither_end_of_the_unit_interval_can_be_met():
    lowest, highest = _fraction(0, 0), _fraction(0xFFFFFFFF, 0xFFFFFFFF)
    assert lowest > 0.0
    assert highest < 1.0
    assert lowest == 1.0 - highest


def test_uniform_numbers_are_uniform_and_the_two_of_a_pair_independent():
    pairs = uniform_pairs(KEY, np.arange(1, 200_001), 7, Stream.PLACEMENT)
    for column in pairs.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    counts, *_ = np.histogram2d(*pairs.T, bins=20, range=[[0, 1], [0, 1]])
    assert stats.chisquare(counts.ravel()).pvalue > 1e-3


@pytest.mark.parametrize(
    "other",
    [
        (KEY, 1, 7, Stream.DEATH),  # next cell
        (KEY, 0, 8, Stream.DEATH),  # next step
        (KEY, 0, 7, Stream.DIVISION),  # another use
        (KEY + 1, 0, 7, Stream.DEATH),  # another seed
    ],
)
def test_neighbouring_cells_steps_streams_and_keys_are_uncorrelated(other):
    uids = np.arange(1, 100_001)
    key, shift, step, stream = other
    here = uniform_pairs(KEY, uids, 7, Stream.DEATH)[:, 0]
    there = uniform_pairs(key, uids + shift, step, stream)[:, 0]
    assert abs(stats.pearsonr(here, there).statistic) < 4.0 / math.sqrt(uids.size)


def test_normal_numbers_are_standard_normal_and_independent():
    pairs = normal_pairs(KEY, np.arange(1, 200_001), 3, Stream.EXPRESSION)
    for column in pairs.T:
        assert stats.kstest(column, "norm").pvalue > 1e-3
    assert abs(stats.pearsonr(*pairs.T).statistic) < 4.0 / math.sqrt(len(pairs))
    assert pairs[0].tolist() == list(normal_pair(np.uint64(KEY), 1, 3, int(Stream.EXPRESSION)))


@pytest.mark.parametrize("ndim", [2, 3])
def test_directions_are_isotropic_unit_vectors(ndim):
    vectors = np.array([unit_vector(np.uint64(KEY), uid, 0, int(Stream.DIVISION), ndim) for uid in range(1, 20_001)])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-14)
    # In 3-D each component is uniform on (-1, 1) (Archimedes); in the plane the angle is uniform.
    if ndim == 3:
        for component in vectors.T:
            assert stats.kstest(component, "uniform", args=(-1.0, 2.0)).pvalue > 1e-3
    else:
        assert not vectors[:, 2].any()
        angle = np.arctan2(vectors[:, 1], vectors[:, 0])
        assert stats.kstest(angle, "uniform", args=(-math.pi, 2.0 * math.pi)).pvalue > 1e-3


def test_streams_have_distinct_numbers():
    assert len({stream.value for stream in Stream}) == len(Stream.__members__)
