"""PagerDuty and Port as strict, stateful, scriptable programs for the demo, the tests and the benchmarks."""
