"""Each prompt of a suite is a test, which fails where the model's answer does not pass.

Run it with `pytest tests/performance`. The prompts are asked once, by `tunesmith eval`. Set what is tested below, or by
environment variables of the same names.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

TUNESMITH = os.environ.get("TUNESMITH", "tunesmith")
SUITE = os.environ.get("TUNESMITH_SUITE", "configs/suites/example.jsonl")
MODEL = os.environ.get("TUNESMITH_MODEL", "my-assistant:v2")
BASE = os.environ.get("TUNESMITH_BASE", "my-assistant:v1")
# The verdict of the gate: PASS, FAIL, INCONCLUSIVE. It is no failure here: test_model_regression.py tests it.
VERDICTS = (0, 100, 101)


def results():
    """The scorecard's prompts."""
    with tempfile.TemporaryDirectory() as folder:
        command = [TUNESMITH, "eval", "--suite", SUITE, "--model", MODEL, "--against", BASE, "--output", folder, "--quiet"]
        ended = subprocess.run(command, capture_output=True, text=True)
        if ended.returncode not in VERDICTS:
            pytest.fail(ended.stderr, pytrace=False)
        cards = [json.loads(path.read_text(encoding="utf-8")) for path in Path(folder).glob("*.json")]
    return [result for card in cards for result in card["results"]]


def pytest_generate_tests(metafunc):
    prompts = results()
    metafunc.parametrize("prompt", prompts, ids=[prompt["prompt_id"] for prompt in prompts])


def test_the_answer_passes(prompt):
    assert not prompt["unmet_finetuned"], f"{prompt['prompt']!r} was answered {prompt['finetuned_response']!r}"
    assert prompt["error_finetuned"] is None and prompt["degenerate_finetuned"] is None
