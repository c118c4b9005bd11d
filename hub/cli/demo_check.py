"""Looks at the demo's pages in a headless browser: each tenant sees its own records live, and nobody else's.

    python -m hub.cli.demo_check --url https://localhost:8443 --browser /usr/bin/chromium --tenant acme=<token> …

Needs Playwright (`loghub[check]`); exits 1, with a screenshot, where a page does not show what it should.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Error, sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_WAIT_MS = 60_000
_ROWS = 10
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class CheckFailedError(Exception):
    """A page does not show what it should."""


def main() -> int:
    """Check all pages; return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--browser", required=True)
    parser.add_argument("--tenant", action="append", required=True)
    options = parser.parse_args()
    tokens = dict(pair.split("=", 1) for pair in options.tenant)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.browser, args=list(FLAGS))
        try:
            for tenant, token in tokens.items():
                _check_page(browser, f"{options.url}/#token={token}", tenant, set(tokens) - {tenant})
        except (CheckFailedError, Error) as error:
            sys.stderr.write(f"check failed: {error}\n")
            return 1
        finally:
            browser.close()
    return 0


def _check_page(browser: Browser, url: str, tenant: str, others: set[str]) -> None:
    # The demo's own authority is not in the browser's store; what the page shows is what is checked here. Its content
    # security policy forbids the evaluation of strings, so what is waited for is told by selectors.
    page = browser.new_page(ignore_https_errors=True)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        page.goto(url)
        page.wait_for_selector("#state[data-state=live]", timeout=_WAIT_MS)
        page.locator(".row", has_text=f"[{tenant}]").nth(_ROWS - 1).wait_for(state="attached", timeout=_WAIT_MS)
        page.locator(".row .stacktrace").first.wait_for(state="attached", timeout=_WAIT_MS)
        _check_rows(page, tenant, others)
        _check_faults(tenant, faults)
    except (CheckFailedError, Error):
        shot = Path(tempfile.gettempdir()) / f"loghub-demo-{tenant}.png"
        page.screenshot(path=shot)
        sys.stderr.write(f"screenshot: {shot}\n")
        raise
    finally:
        page.close()


def _check_faults(tenant: str, faults: list[str]) -> None:
    if faults:
        msg = f"{tenant}: the page has errors: {faults}"
        raise CheckFailedError(msg)


def _check_rows(page: Page, tenant: str, others: set[str]) -> None:
    bodies = page.eval_on_selector_all(".row .body", "rows => rows.map(row => row.textContent)")
    own = sum(f"[{tenant}]" in body for body in bodies)
    foreign = [body for body in bodies if any(f"[{other}]" in body for other in others)]
    offsets = [
        int(text) for text in page.eval_on_selector_all(".row", "rows => rows.map(row => row.dataset.offset)") if text
    ]
    traces = page.eval_on_selector_all(".row .stacktrace", "all => all.map(one => one.textContent)")
    if foreign:
        msg = f"{tenant}: the page shows records of another tenant: {foreign[:3]}"
        raise CheckFailedError(msg)
    if not any("\n" in trace for trace in traces):
        msg = f"{tenant}: no stack trace has more than one line: {traces[:1]}"
        raise CheckFailedError(msg)
    if own < _ROWS:
        msg = f"{tenant}: only {own} of {len(bodies)} rows carry the tenant's label"
        raise CheckFailedError(msg)
    if offsets != list(range(offsets[0], offsets[0] + len(offsets))):
        msg = f"{tenant}: the rows are not in the order of the log without gap or duplicate: {offsets[:50]}"
        raise CheckFailedError(msg)
    sys.stdout.write(
        f"{tenant}: {len(bodies)} rows, {own} with its label, {len(foreign)} foreign, {len(traces)} stack traces\n"
    )


if __name__ == "__main__":
    sys.exit(main())
