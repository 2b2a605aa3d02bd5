"""Makes the modules of the other test folders known.

Run: IMCONNECTOR_BUILD=build/fault /usr/bin/python3 -m pytest tests/crash
(`make check-crash`; the build is made by `make FAULT=1`). CRASH_JOBS says how
many worlds may live at the same time (6).
"""

import concurrent.futures
import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "proof"),
                str(HERE.parent / "e2e")]


@pytest.fixture(scope="session")
def played(request):
    """played(case): the outcome of a case. All cases of the session are
    played side by side: most of their time is waiting."""
    import scenarios
    selected = [item.callspec.params["case"] for item in request.session.items
                if "played" in getattr(item, "fixturenames", ())]
    jobs = int(os.environ.get("CRASH_JOBS") or 6)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = {case: pool.submit(scenarios.run, case)
                   for case in selected}
        yield lambda case: futures[case].result(600)
        pool.shutdown(cancel_futures=True)
