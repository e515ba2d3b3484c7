"""Convoy's random streams, so that a model's initial parameters need no room in a fixture."""

import numpy as np

INCREMENT = np.uint64(0x9E3779B97F4A7C15)
PARAMETERS = 0x1417  # Separates the streams of initial values from all others.


def mixed(state):
    """The output function of SplitMix64."""
    bits = state
    with np.errstate(over="ignore"):
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def uniform(seed, path, bound, count):
    """`count` float32 numbers in ±bound from the stream of `seed` at `path`."""
    with np.errstate(over="ignore"):
        state = mixed(mixed(np.uint64(seed) + INCREMENT))
        for index in path:
            state = mixed(state ^ mixed(np.uint64(index) + INCREMENT))
        bits = mixed(state + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * INCREMENT)
    unit = (bits >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)
    bound = np.float32(bound)
    return -bound + (bound + bound) * unit


def initial(seed, index, shape):
    """The initial value of the filter or matrix that is parameter number `index` of a model."""
    fan_in = int(np.prod(shape[1:]))
    bound = np.float32(1) / np.sqrt(np.float32(fan_in))
    return uniform(seed, [PARAMETERS, index], bound, int(np.prod(shape))).reshape(shape)
