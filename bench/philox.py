"""The draws of dptrain in NumPy: the same initial parameters and the same rows of every batch.

Philox4x32-10 as in src/base/random.c, where its streams and coordinates are described. Used only to
start all candidates alike and to feed them the same rows; never in a measured step.
"""
import numpy as np

STREAM_BATCH, STREAM_INIT = 1, 3
LOW = np.uint64(0xFFFFFFFF)
SHIFT = np.uint64(32)


def words(seed, stream, a, b):
    """Four 32-bit words (as uint64) for each pair of coordinates; a and b are broadcast."""
    a, b = np.broadcast_arrays(np.asarray(a, np.uint64), np.asarray(b, np.uint64))
    c = [a & LOW, a >> SHIFT, b & LOW, (b >> SHIFT) | np.uint64(stream << 24)]
    k = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> SHIFT) ^ c[1] ^ np.uint64(k[0]), p1 & LOW,
             (p0 >> SHIFT) ^ c[3] ^ np.uint64(k[1]), p0 & LOW]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def normal(seed, tensor, shape, scale):
    """float32 N(0, 1) * scale, elements of a parameter tensor (0 to 4: C, W1, b1, W2, b2)."""
    w = words(seed, STREAM_INIT, np.arange(int(np.prod(shape))), tensor)
    u, v = [((w[i + 1] << SHIFT | w[i]) >> np.uint64(11)) * 2.0**-53 for i in (0, 2)]
    drawn = scale * (np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * np.pi * v))
    return drawn.astype(np.float32).reshape(shape)


def deviation(init, tensor, shape):
    """That of the elements of a tensor."""
    if init == "normal":
        return 1.0
    if len(shape) == 1:
        return 0.0
    if init == "small":
        return 0.05
    return (1.0, 5 / 3 / np.sqrt(shape[0]), 0.0, 1 / np.sqrt(shape[0]))[tensor]


def parameters(seed, init, vocab, block_size, embedding, hidden):
    """C, W1, b1, W2, b2 as `model.init = normal`, `small` or `scaled` makes them."""
    shapes = [(vocab, embedding), (block_size * embedding, hidden), (hidden,), (hidden, vocab),
              (vocab,)]
    return [normal(seed, tensor, shape, deviation(init, tensor, shape))
            for tensor, shape in enumerate(shapes)]


def batch(seed, step, size, examples):
    """Rows [size] of a step, as `train.sampling = replacement` draws them."""
    w = words(seed, STREAM_BATCH, step, np.arange(size))
    drawn = [((int(high) << 32 | int(low)) * examples) >> 64 for low, high in zip(w[0], w[1])]
    return np.array(drawn, dtype=np.int64)
