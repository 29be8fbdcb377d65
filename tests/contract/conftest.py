"""Lets pytest explain the assertions of the contract suites."""

import pytest

pytest.register_assert_rewrite("tests.contract.log_contract", "tests.contract.state_topics_contract")
