"""What can go wrong with a mirror itself. Errors of the store are raised as they are."""

from bigcommerce_b2b_invoices import B2BError


class MirrorError(B2BError):
    """The database cannot hold this mirror, or refused what the mirror wrote. Its text says why, and what to do."""


class MirrorInUseError(MirrorError):
    """Another process, or another `Mirror` in this process, writes the mirror of this store. Nothing was sent."""


class DatabaseUnavailableError(MirrorError):
    """The database cannot be reached, or the connection was lost. Nothing is half committed: try again later."""


class MassDeletionError(B2BError):
    """A sync found more deleted invoices than `max_deleted` allows, so it deleted none.

    If the invoices are really gone, sync once with a `Mirror` that has a larger `max_deleted`.

    Attributes:
        count: Invoices that the sync would have deleted. There may be more: the sync stops counting once there are too many.
        total: Invoices that the mirror holds of this store.
    """

    def __init__(self, count: int, total: int) -> None:
        super().__init__(
            f"{count} of {total} invoices of the mirror are gone from the store, more than max_deleted allows: none was deleted. "
            "Check the store, or sync once with a larger max_deleted"
        )
        self.count: int = count
        self.total: int = total

    def __reduce__(self) -> tuple[type["MassDeletionError"], tuple[int, int]]:
        return type(self), (self.count, self.total)
