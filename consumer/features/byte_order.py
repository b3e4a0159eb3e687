"""A permutation of the bytes of rows, made a word at a time where four bytes stay together.

    bytes    0 1 2 3 | 4 5 6 7 | 8 9 10 11     become     8 9 10 11 | 0 4 1 5 | 2 3 6 7

Only the words whose bytes come from several are put together byte by byte, behind the row; then all words
are moved at once. For 400 bytes a row this takes half the time of moving them one by one.

Rules of this file: pure; rows are whole numbers of words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consumer.features.zero_words import WORD_BYTES, Words


@dataclass(frozen=True, slots=True)
class ByteOrder:
    """A permutation of bytes.

    gathered : bytes of a row that words of several are put together from, one such word after another
    words : for each word of the result its place among the row's words and those
    """

    gathered: NDArray[np.intp]
    words: NDArray[np.intp]

    def apply(self, rows: Words) -> Words:
        """Return the permuted rows."""
        gathered: Words = rows.view(np.uint8).take(self.gathered, axis=1).view("<u4")
        return np.concatenate([rows, gathered], axis=1).take(self.words, axis=1)


def byte_order(order: NDArray[np.intp]) -> ByteOrder:
    """Return the permutation whose byte i is byte `order[i]` of a row.

    Examples
    --------
    >>> order = byte_order(np.array([8, 9, 10, 11, 0, 4, 1, 5, 2, 3, 6, 7]))
    >>> order.apply(np.arange(12, dtype=np.uint8).view("<u4").reshape(1, 3)).view(np.uint8).tolist()
    [[8, 9, 10, 11, 0, 4, 1, 5, 2, 3, 6, 7]]
    """
    of_word = order.reshape(-1, WORD_BYTES)
    is_whole = (of_word[:, 0] % WORD_BYTES == 0) & (np.diff(of_word, axis=1) == 1).all(axis=1)
    words = of_word[:, 0] // WORD_BYTES
    words[~is_whole] = len(of_word) + np.arange(np.count_nonzero(~is_whole))
    return ByteOrder(of_word[~is_whole].reshape(-1), words)
