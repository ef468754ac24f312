"""What passed and what did not."""

from collections import Counter


class Results:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, good, detail=""):
        if good:
            self.passed += 1
            print(f"PASS {name}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL {name}: {detail}", flush=True)

    def equal(self, name, found, expected):
        self.check(name, found == expected, f"found {shorten(found)}, expected {shorten(expected)}")

    def same_items(self, name, found, expected):
        """Equal, whatever the order; says which items are too many and which are missing."""
        found, expected = Counter(list(found)), Counter(list(expected))
        extra, missing = found - expected, expected - found
        self.check(name, found == expected, f"not expected {shorten(dict(extra))}, missing {shorten(dict(missing))}")


def shorten(value, limit=600):
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."
