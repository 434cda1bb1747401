"""A page in a headless Chromium, where there is one."""

import shutil
import subprocess
from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def show(page: Path, *options: str, fragment: str = "") -> tuple[str, list[str]]:
    """What the browser prints of a page by its options, and what the page complains of."""
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={page.parent / 'user'}", "--enable-logging=stderr", *options]
    command += [f"{page.absolute().as_uri()}#{fragment}"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
