"""A test that uses no fixture of the plugin: it must not pay for the package. It needs a test run of its own."""

import sys


def test_the_package_and_aiohttp_are_not_imported() -> None:
    assert "_bigcommerce_b2b_invoices_pytestplugin" in sys.modules
    assert {name.split(".")[0] for name in sys.modules} & {"aiohttp", "bigcommerce_b2b_invoices", "yarl"} == set()
