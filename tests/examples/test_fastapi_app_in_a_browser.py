"""`examples/fastapi_app.py` in a real browser: the CSV download of Chromium."""

import json
from pathlib import Path

from browser import Browser, chromium, needs_chromium
from conftest import connect
from example_runs import Program, Run

from bigcommerce_b2b_invoices.export import csv_rows
from bigcommerce_b2b_invoices.sandbox import Sandbox

LOGINS = json.dumps({"of-staff": "staff"})


async def ask_for_csv(browser: Browser, app: Program, downloads: Path) -> None:
    await browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads), eventsEnabled=True)
    await browser.call("Network.enable")
    await browser.call("Network.setExtraHTTPHeaders", headers={"Authorization": "Bearer of-staff"})
    await browser.call("Page.navigate", url=f"{app.url}/invoices.csv")


@needs_chromium
async def test_chromium_downloads_the_whole_csv_under_its_name(run: Run, tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    with Sandbox(invoices=700) as sandbox:
        app = await run.serve("fastapi_app.py", sandbox, LOGINS=LOGINS)
        async with connect(sandbox) as client, chromium(tmp_path / "profile") as browser:
            expected = "".join([text async for text in csv_rows(client.invoices.iterate())])
            await ask_for_csv(browser, app, downloads)
            begun = await browser.event("Browser.downloadWillBegin")
            await browser.event("Browser.downloadProgress", guid=begun["guid"], state="completed")

    assert begun["suggestedFilename"] == "invoices.csv"
    assert (downloads / "invoices.csv").read_bytes().decode() == expected
    assert expected.count("\r\n") >= 701


@needs_chromium
async def test_chromium_tells_that_a_csv_broke_off_in_the_middle(run: Run, tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    with Sandbox(invoices=12_000, latency=0.3) as sandbox:
        app = await run.serve("fastapi_app.py", sandbox, LOGINS=LOGINS)
        async with chromium(tmp_path / "profile") as browser:
            await ask_for_csv(browser, app, downloads)
            begun = await browser.event("Browser.downloadWillBegin")
            sandbox.fail(times=1000, status=403)
            await browser.event("Browser.downloadProgress", guid=begun["guid"], state="canceled")

    assert not (downloads / "invoices.csv").exists()
