"""`python -m bigcommerce_b2b_invoices.cli`: the same as `b2b-invoices`."""

import sys

from bigcommerce_b2b_invoices.cli import main

if __name__ == "__main__":
    sys.exit(main())
