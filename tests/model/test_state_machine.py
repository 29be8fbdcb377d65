"""Plays the model for some hundred steps; `make torture` plays it for thousands."""

import pytest
from hypothesis import HealthCheck, settings

from tests.model.machine import Model

pytestmark = pytest.mark.timeout(400)

TestModel = Model.TestCase
TestModel.settings = settings(
    max_examples=10,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
