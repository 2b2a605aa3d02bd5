"""The handler dies by SIGKILL at every named point, and a new one goes on.

The points come from the program, which must be a fault build (see world.py);
a point that its scenario never reaches is a failure. For each case
(scenarios.py): nothing lost, nothing acknowledged that the channel had not
taken, at most the one message at hand handed over twice and then with the same
key, Bitrix24 told the ids that the channel gave, the order in the chat kept,
and the store after the death as the table of states says.
"""

import pytest

import scenarios
from world import fault_points

POINTS = fault_points()
CASES = [case for point in POINTS for case in scenarios.cases(point)]


def test_the_program_has_the_points():
    """A program without them would prove nothing."""
    known = {*scenarios.JOURNEY, *scenarios.REFRESH, *scenarios.INSTALL}
    assert POINTS, "no fault build: make FAULT=1, and name its folder in " \
        "IMCONNECTOR_BUILD"
    assert known == set(POINTS), "points and scenarios differ"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_dies_and_goes_on(played, case):
    """See the head of this file."""
    played(case)
