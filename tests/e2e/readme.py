"""README's chapters and the commands in them, for chapter.py.

In a chapter whose indented lines are commands, a line "Step 1: build" begins
a step; what stands before the first one belongs to the step "".
"""

import re

from site_folder import REPO


def chapter(title):
    """The text of a chapter."""
    text = (REPO / "README").read_text()
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\S[^\n]*\n-{{3,}}\n|\Z)", text,
                      re.M | re.S)
    assert found, f"README has no chapter {title!r}"
    return found[1]


def commands(title, step=""):
    """The indented lines of one step, continued ones in one piece."""
    steps = re.split(r"^(Step \d[^\n]*)$", chapter(title), flags=re.M)
    steps = dict(zip(["", *steps[1::2]], steps[::2]))
    assert step in steps, f"README has no {step!r}, but {list(steps)}"
    lines = [line[4:] for line in steps[step].splitlines()
             if line.startswith("    ")]
    return re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
