"""Balances as whole ten-thousandths, because the API returns balances with four decimals."""

from decimal import ROUND_HALF_UP, Decimal

LIMIT = Decimal(10) ** 15  # far above any invoice, and small enough for Decimal's 28 digits


def to_ticks(value: Decimal) -> int:
    """The amount in ten-thousandths. Half a ten-thousandth is rounded away from zero. The amount must be smaller than `LIMIT`."""
    return int(value.quantize(Decimal("0.0001"), ROUND_HALF_UP).scaleb(4))


def to_text(ticks: int) -> str:
    """The amount with its four decimals: `3495000` is `"349.5000"`."""
    whole, rest = divmod(abs(ticks), 10_000)
    return f"{'-' if ticks < 0 else ''}{whole}.{rest:04d}"
