"""The live page in a real browser."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright, expect

from hub.cli.demo_check import FLAGS
from hub.cli.hub_child import start_hub
from tests.peers import Site, batch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page

    from hub.cli.children import Children
    from hub.cli.deployment import Deployment

WAIT_MS = 30_000
LIVE = "#state[data-state=live]"


@pytest_asyncio.fixture
async def page() -> AsyncIterator[Page]:
    """A page of headless Chromium that has seen no error, and broken no policy of its hub, when the test ends."""
    chromium = shutil.which("chromium")
    assert chromium, "there is no chromium on the PATH"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = await browser.new_page(ignore_https_errors=True)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Security Policy" in said.text else None)
        page.set_default_timeout(WAIT_MS)
        yield page
        await browser.close()
    assert not faults


async def shown(page: Page) -> list[str]:
    """Return the bodies on the page."""
    bodies: list[str] = await page.locator(".row .body").all_text_contents()
    return bodies


@pytest.mark.timeout(120)
async def test_the_page_survives_a_crash_of_the_hub_without_gap_or_duplicate(
    deployment: Deployment, children: Children, page: Page
) -> None:
    """It says that it is disconnected, connects again by itself, and shows what it missed, once."""
    hub, listening = start_hub(children, deployment)
    site = Site(deployment, listening)
    await page.goto(f"{site.url}/#token={deployment.token('acme')}")
    await page.wait_for_selector(LIVE)
    await site.push("acme", "before")
    await expect(page.locator(".row")).to_have_count(1)
    hub.kill()
    await page.wait_for_selector("#state[data-state=disconnected]")
    start_hub(children, deployment, name="hub-again")
    await site.push("acme", "missed 1", "missed 2")
    await site.push("globex", "not yours")
    await page.wait_for_selector(LIVE)
    await site.push("acme", "after")
    await expect(page.locator(".row")).to_have_count(4, timeout=WAIT_MS)
    assert await shown(page) == ["before", "missed 1", "missed 2", "after"]


async def test_record_text_never_runs_as_markup(deployment: Deployment, children: Children, page: Page) -> None:
    """Tags, scripts and handlers in any field are shown as the text that they are."""
    _, listening = start_hub(children, deployment)
    site = Site(deployment, listening)
    evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    hostile = batch(evil, seq=1, service=evil)
    record = hostile.records[0]
    record.logger, record.thread, record.exception.stacktrace = evil, evil, evil
    record.attributes[evil].string_value = evil
    await page.goto(f"{site.url}/#token={deployment.token('acme')}")
    await page.wait_for_selector(LIVE)
    async with site.producer("acme") as producer:
        await producer.send_batches(hostile)
        await producer.acked(1)
    await page.locator(".row").click()
    await expect(page.locator(".row .stacktrace")).to_have_text(evil)
    assert evil in (await shown(page))[0]
    assert await page.title() == "loghub"
    assert await page.locator("#log img, #log script").count() == 0


async def test_the_filter_box_filters_and_names_the_column_of_a_mistake(
    deployment: Deployment, children: Children, page: Page
) -> None:
    """A filter that cannot be read is explained, and the page stays live."""
    _, listening = start_hub(children, deployment)
    site = Site(deployment, listening)
    await page.goto(f"{site.url}/#token={deployment.token('acme')}")
    await page.wait_for_selector(LIVE)
    await page.fill("#filter", "level>=loud")
    await page.press("#filter", "Enter")
    await expect(page.locator("#filter-error")).to_contain_text("'loud' is no level")
    await page.fill("#filter", "keep")
    await page.press("#filter", "Enter")
    await expect(page.locator("#filter-error")).to_be_hidden()
    await site.push("acme", "keep 1", "drop", "keep 2")
    await expect(page.locator(".row")).to_have_count(2)
    assert await shown(page) == ["keep 1", "keep 2"]


async def test_the_token_leaves_the_address_bar_and_a_bad_one_is_refused(
    deployment: Deployment, children: Children, page: Page
) -> None:
    """The fragment is cleared at once; a bad token is said, and another can be given."""
    _, listening = start_hub(children, deployment)
    site = Site(deployment, listening)
    await page.goto(f"{site.url}/#token=bad")
    await page.wait_for_selector("#state[data-state=refused]")
    await expect(page).to_have_url(re.compile(r"/$"))
    await page.fill("#token", deployment.token("acme"))
    await page.press("#token", "Enter")
    await page.wait_for_selector(LIVE)
    await expect(page.locator("#tenant")).to_have_text("acme")
