"""Near-duplicates: pictures that look alike, which a split must not tear apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

MOST_BITS = 4  # hashes this many bits apart or fewer are of near-duplicates
_HASH_BITS = 64


def near_pairs(phashes: Sequence[int], most_bits: int = MOST_BITS) -> list[tuple[int, int]]:
    """Find the pairs of pictures that look alike.

    Two hashes at most `most_bits` apart agree in at least one of `most_bits + 1` bands, so only
    pictures that share a band are compared.

    Args:
        phashes: 64-bit perceptual hashes.
        most_bits: largest Hamming distance of a pair. Default 4.

    Returns:
        Pairs of positions in `phashes`, smaller first, sorted.
    """
    pairs = set()
    for bucket in _buckets(phashes, bands=most_bits + 1):
        for one, other in combinations(bucket, 2):
            if (phashes[one] ^ phashes[other]).bit_count() <= most_bits:
                pairs.add((one, other))
    return sorted(pairs)


def group(phashes: Sequence[int], most_bits: int = MOST_BITS) -> list[int]:
    """Number the groups of pictures that are linked by near-duplicate pairs.

    Args:
        phashes: 64-bit perceptual hashes.
        most_bits: largest Hamming distance of a pair. Default 4.

    Returns:
        One group number per picture.
    """
    pairs = near_pairs(phashes, most_bits)
    rows, columns = zip(*pairs, strict=True) if pairs else ((), ())
    links = coo_array(([1] * len(pairs), (rows, columns)), shape=(len(phashes),) * 2)
    numbers: list[int] = connected_components(links, directed=False)[1].tolist()
    return numbers


def _buckets(phashes: Sequence[int], bands: int) -> Iterator[list[int]]:
    edges = [_HASH_BITS * band // bands for band in range(bands + 1)]
    for start, end in pairwise(edges):
        buckets = defaultdict(list)
        for position, phash in enumerate(phashes):
            buckets[(phash >> start) & ((1 << (end - start)) - 1)].append(position)
        yield from buckets.values()
