"""What the documents leave open about payments, each in one place. Nothing of it was verified on a live store."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """How the sandbox answers the open questions A1 to A14. A11 has no switch: arrays are read in every spelling.

    Attributes:
        keeps_external_id: A1: `externalId` is kept and shown.
        external_id_is_unique: A2: a second payment with the same `externalId` is refused.
        search_lag: A3: seconds until a search by `q` sees a new payment; `invoiceId` sees it at once.
        takes_overpayments: A4: more than the open balance is accepted.
        takes_foreign_invoices: A5: invoices of another company or currency are accepted.
        applied_at: A6: the statuses at which the amounts of a new payment are taken off the balances.
        delete_reverts: A7: deleting a payment gives its amounts back to the balances.
        refund_reverts: A8: the status "refunded" gives them back.
        repeats_operations: A9: an operation that is done already is accepted and changes nothing. False: it is refused.
        max_limit: A10: the most payments on a page.
        moves_updated_at: A12: a payment moves the `updatedAt` of its invoices.
        longest_external_id: A13: characters of an `externalId`.
        takes_numbers: A14: an amount may also be a JSON number.
    """

    keeps_external_id: bool = True
    external_id_is_unique: bool = False
    search_lag: float = 0.0
    takes_overpayments: bool = True
    takes_foreign_invoices: bool = True
    applied_at: frozenset[int] = frozenset({3})
    delete_reverts: bool = True
    refund_reverts: bool = True
    repeats_operations: bool = False
    max_limit: int = 250
    moves_updated_at: bool = True
    longest_external_id: int = 255
    takes_numbers: bool = True
