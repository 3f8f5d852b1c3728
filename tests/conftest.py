"""Which tests the short run leaves out: `python -m pytest -m "not slow"`."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# They hardly depend on how the numbers are computed: processes, pages, the command line, reports.
SLOW = ("cli/*", "test_check*", "test_docs.py", "test_fork.py", "test_leaks.py", "test_process.py",
        "test_signals.py", "test_site.py")  # fmt: skip


def pytest_collection_modifyitems(items):
    for item in items:
        if any(item.path.relative_to(TESTS).match(pattern) for pattern in SLOW):
            item.add_marker(pytest.mark.slow)
