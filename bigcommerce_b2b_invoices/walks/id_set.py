"""A set of ids that stays small: ids that lie close together share a word."""


class IdSet:
    """A set of ints >= 0.

    Ids are filed by their upper bits; the lower six are bits of one int. The ids of a store lie close together: a million of
    them take about 2 MB, where a plain set takes 60 MB or more. Ids that all lie far apart take about twice a plain set.
    """

    __slots__ = ("_words",)

    def __init__(self) -> None:
        self._words: dict[int, int] = {}

    def add(self, row_id: int) -> bool:
        """Put the id in; returns whether it is new."""
        word, bit = row_id >> 6, 1 << (row_id & 63)
        bits = self._words.get(word, 0)
        if bits & bit:
            return False
        self._words[word] = bits | bit
        return True

    def discard(self, row_id: int) -> None:
        """Take the id out, if it is in."""
        word = row_id >> 6
        if word in self._words:
            self._words[word] &= ~(1 << (row_id & 63))
