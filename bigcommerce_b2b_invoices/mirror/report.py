"""What a sync did."""

import time
from typing import TYPE_CHECKING, Literal

import attrs

from bigcommerce_b2b_invoices import DecodeError, WalkReport

if TYPE_CHECKING:
    from bigcommerce_b2b_invoices.mirror.database import Written

TOLD = 20  # anomalies at most


@attrs.frozen(kw_only=True)
class MirrorReport:
    """What a sync did, and what it guarantees.

    Attributes:
        inserted: Invoices that the mirror did not have.
        updated: Invoices that had changed.
        deleted: Invoices that are proven to be gone.
        unchanged: Invoices that were read and are as before.
        unreadable: Rows of the store that cannot be read; the mirror keeps what it had of them.
        requests: Requests that the sync made.
        seconds: How long it took.
        guarantee: "complete" if the mirror then held every invoice as the store had it at a moment during the sync. "best_effort"
            if this sync or an earlier one could not prove that; `anomalies` says why.
        may_lack_rows: Whether the mirror may lack invoices. It stays True until a sweep proves that it missed nothing. If the
            mirror was complete before, a "best_effort" sweep alone does not make this True: the sync requests each invoice that
            the sweep did not find. It becomes True if an invoice cannot be read, or if the store counts more invoices than the
            mirror has.
        anomalies: Oddities, one sentence each.
    """

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    unreadable: int = 0
    requests: int = 0
    seconds: float = 0.0
    guarantee: Literal["complete", "best_effort"] = "complete"
    may_lack_rows: bool = False
    anomalies: tuple[str, ...] = ()


@attrs.define
class Tally:
    """Counts while a sync goes on."""

    began: float = attrs.Factory(time.monotonic)
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    unreadable: int = 0
    requests: int = 0
    is_best_effort: bool = False
    is_doubted: bool = False
    anomalies: list[str] = attrs.Factory(list)

    @property
    def rows(self) -> int:
        """Invoices read so far."""
        return self.inserted + self.updated + self.unchanged

    def add(self, written: "Written") -> None:
        """Count the rows of a transaction."""
        self.inserted += written.inserted
        self.updated += written.updated
        self.unchanged += written.unchanged

    def end_sweep(self, report: WalkReport) -> None:
        """A sweep has read the whole list."""
        if report.guarantee != "complete":
            self.is_best_effort = True
            for anomaly in report.anomalies:
                self._note(anomaly)

    def pass_over(self, error: DecodeError) -> None:
        """A row cannot be read."""
        self.unreadable += 1
        self.doubt(f"an invoice cannot be read: {error}")

    def doubt(self, anomaly: str) -> None:
        """The mirror may not be as the store is."""
        self.is_best_effort = self.is_doubted = True
        self._note(anomaly)

    def report(self, *, may_lack_rows: bool) -> MirrorReport:
        """All that was counted."""
        if may_lack_rows and not self.is_best_effort:
            self._note("an earlier sync could not prove that the mirror has every invoice: sync with full=True")
        return MirrorReport(
            inserted=self.inserted,
            updated=self.updated,
            deleted=self.deleted,
            unchanged=self.unchanged,
            unreadable=self.unreadable,
            requests=self.requests,
            seconds=time.monotonic() - self.began,
            guarantee="best_effort" if self.is_best_effort or may_lack_rows else "complete",
            may_lack_rows=may_lack_rows,
            anomalies=tuple(self.anomalies),
        )

    def _note(self, anomaly: str) -> None:
        if anomaly not in self.anomalies and len(self.anomalies) < TOLD:
            self.anomalies.append(anomaly)
