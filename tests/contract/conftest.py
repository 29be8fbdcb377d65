"""Lets pytest explain the assertions of the contract suites."""

import pytest

pytest.register_assert_rewrite("tests.contract.log_contract")
