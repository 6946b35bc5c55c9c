"""Runs the templates of `tunesmith init --tests` without pytest, and reads results.xml; prints what each found."""

import importlib.util
import json
import pathlib
import sys
import tempfile
import types
import xml.etree.ElementTree as ElementTree


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def fail(reason, pytrace=True):
    raise Failed(reason)


def skip(reason):
    raise Skipped(reason)


pytest = types.ModuleType("pytest")
pytest.fail, pytest.skip = fail, skip
sys.modules["pytest"] = pytest


def load(path):
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Metafunc:
    def parametrize(self, name, values, ids):
        self.values, self.ids = values, ids


found = {}
cases = ElementTree.parse("results.xml").getroot().findall("testsuite/testcase")
found["junit"] = [case.get("name") for case in cases]
found["junit_failed"] = [case.get("name") for case in cases if case.find("failure") is not None]

accuracy, metafunc = load("tests/performance/test_model_accuracy.py"), Metafunc()
accuracy.pytest_generate_tests(metafunc)
found["accuracy"], found["accuracy_failed"] = metafunc.ids, []
for name, prompt in zip(metafunc.ids, metafunc.values):
    try:
        accuracy.test_the_answer_passes(prompt)
    except AssertionError:
        found["accuracy_failed"].append(name)

try:
    with tempfile.TemporaryDirectory() as folder:
        load("tests/regression/test_model_regression.py").test_the_model_is_not_worse(pathlib.Path(folder))
    found["regression"] = "passed"
except Skipped:
    found["regression"] = "skipped"
except AssertionError:
    found["regression"] = "failed"
print(json.dumps(found))
