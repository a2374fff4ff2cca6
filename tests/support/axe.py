"""axe-core, the checker of accessibility, which pages are tested with.

Its licence is MPL-2.0, so it is not a part of this project: `GCG_BENCH_AXE` names its axe.min.js,
or pip downloads a wheel that contains it, of one version and checked by its sha256.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

_WHEEL = "axe-playwright-python==0.1.8"  # with axe-core 4.12.1
_SHA256 = "fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8"
_SCRIPT = "axe_playwright_python/axe.min.js"
SERIOUS = ("serious", "critical")
RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ['violations']}).then(
  (found) => done({rules: found.passes.length + found.violations.length,
    violations: found.violations.map((v) => ({rule: v.id, impact: v.impact, help: v.help,
      nodes: v.nodes.map((n) => n.html.slice(0, 160) + ' ' + n.any.map((a) => a.message))}))}),
  (error) => done({rules: 0, violations: [], error: String(error)}));
"""


def script(folder: Path) -> str:
    """The source of axe-core; it is downloaded into a folder unless `GCG_BENCH_AXE` names it."""
    if named := os.environ.get("GCG_BENCH_AXE"):
        return Path(named).read_text(encoding="utf-8")
    needs = folder / "axe.txt"
    needs.write_text(f"{_WHEEL} --hash=sha256:{_SHA256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes"]
    subprocess.run([*command, "-d", folder, "-r", needs], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(_SCRIPT).decode()


def findings(driver, source: str) -> tuple[int, list[str]]:
    """The page that is open: how many rules held or failed, and what is serious or critical."""
    driver.execute_script(source)
    result = driver.execute_async_script(RUN)
    assert "error" not in result, result
    return result["rules"], [
        f"{found['impact']}: {found['rule']}: {found['help']}: {node}"
        for found in result["violations"]
        if found["impact"] in SERIOUS
        for node in found["nodes"]
    ]
