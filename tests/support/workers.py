"""Workers that misbehave, as scripts; the helper is copied beside them."""

import shutil
import sys
from pathlib import Path

from gcg_bench.execution import worker_files

HELPER = Path(worker_files.__file__).with_name("gcg_bench_worker.py")

GOOD = """
from gcg_bench_worker import serve

def load():
    def answer(query):
        number = int(query["id"].rsplit("_", 1)[-1])
        ACT
        box = [number % 7, 1, number % 7 + 20, 30]
        return {"caption": "a cat here", "phrases": [{"text": "a cat", "mask": {"box": box}}]}
    return answer

serve(load)
"""

BARE = """
import json, os, sys, time
def say(**fields):
    sys.stdout.write(json.dumps(fields) + chr(10))
    sys.stdout.flush()
def answer(id, **more):
    say(id=id, caption="a cat", phrases=[], **more)
sys.stdin.readline()
ACT
"""


def command(folder: Path, script: str, act: str) -> str:
    """The --model of a worker whose script does something at a certain place."""
    folder.mkdir(exist_ok=True)
    shutil.copy(HELPER, folder)
    text = script.replace("ACT", act.replace("\n", "\n        " if script is GOOD else "\n"))
    (folder / "worker.py").write_text(text)
    return f"cmd:{sys.executable} {folder}/worker.py"
