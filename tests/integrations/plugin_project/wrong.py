"""Marks that are wrong: each test fails before it begins."""

import pytest

from bigcommerce_b2b_invoices.sandbox import Sandbox


@pytest.mark.b2b_sandbox(invocies=5)
def test_an_unknown_setting(b2b_sandbox: Sandbox) -> None:
    pytest.fail("this must not be reached")


@pytest.mark.b2b_sandbox(5)
def test_a_setting_without_its_name(b2b_sandbox: Sandbox) -> None:
    pytest.fail("this must not be reached")


@pytest.mark.b2b_sandbox(quota=-1)
def test_a_setting_out_of_range(b2b_sandbox: Sandbox) -> None:
    pytest.fail("this must not be reached")
