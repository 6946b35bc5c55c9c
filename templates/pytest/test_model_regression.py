"""The new model is not worse than the present one of its role: `tunesmith eval` decides, with the suites of the role.

Run it with `pytest tests/regression`. Set what is tested below, or by environment variables of the same names.
"""

import os
import subprocess

import pytest

TUNESMITH = os.environ.get("TUNESMITH", "tunesmith")
ROLE = os.environ.get("TUNESMITH_ROLE", "assistant")
MODEL = os.environ.get("TUNESMITH_MODEL", "my-assistant:v2")
PASS, INCONCLUSIVE = 0, 101


def test_the_model_is_not_worse(tmp_path):
    command = [TUNESMITH, "eval", "--role", ROLE, "--model", MODEL, "--output", str(tmp_path), "--quiet"]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode == INCONCLUSIVE:
        pytest.skip(f"the suites have too few prompts to decide:\n{ended.stdout}")
    assert ended.returncode == PASS, f"{ended.stdout}\n{ended.stderr}"
