"""Simulates the part of Port's API that an importer uses: strict, stateful, scriptable."""
