"""The web page in a real browser: Chromium without a window, with its test pattern in place of a camera."""

import re
import shutil

import cv2
import numpy as np
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright; see tests/README.md")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]
_CAMERA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *_CAMERA])
        yield opened
        opened.close()


@pytest.fixture
def page(browser, url):
    """The page; afterwards: no error of a script, nothing asked of another host."""
    opened, errors, addresses = browser.new_page(), [], []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("request", lambda request: addresses.append(request.url))
    opened.goto(url)
    playwright.expect(opened.locator("#name")).not_to_be_empty()
    yield opened
    opened.close()
    assert not errors and all(address.startswith((url, "data:", "blob:")) for address in addresses)


def says(page, text: str, seconds: float = 60) -> None:
    playwright.expect(page.locator("#message")).to_have_text(re.compile(text), timeout=1000 * seconds)


def picture(value: int = 90) -> np.ndarray:
    return np.full((48, 64, 3), value, np.uint8)


def test_a_picture_is_shown_with_its_bars_and_the_plane_of_valence_and_arousal(page, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), picture())
    page.set_input_files("#file", tmp_path / "a.png")
    says(page, "^1 face$")
    assert page.locator("#found .row").count() == 7 and page.locator("#shown").is_visible()
    found = page.locator("#found").inner_text()
    valence, arousal = (
        float(re.search(rf"{name} (-?[0-9.]+)", found).group(1)) for name in ("valence", "arousal")
    )
    dot = page.locator("#found svg circle")
    place = [float(dot.get_attribute(axis)) for axis in ("cx", "cy")]
    np.testing.assert_allclose(place, [60 + 50 * valence, 60 - 50 * arousal], atol=0.3)


def test_a_video_is_shown_with_its_mean_and_timeline(page, tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "a.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 48))
    for value in (10, 90, 200):
        writer.write(picture(value))
    writer.release()
    page.set_input_files("#file", tmp_path / "a.mp4")
    says(page, "^1 face in 3 frames$")
    assert page.locator("#timeline").is_visible()
    assert "mean of 3 frames" in page.locator("#found").inner_text()


def test_a_bad_file_is_one_line_in_red(page):
    page.set_input_files("#file", {"name": "bad.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"})
    says(page, "^bad.jpg: .*no image that can be decoded")
    assert page.locator("#message").get_attribute("class") == "error"


def test_the_camera_is_predicted_until_it_is_stopped(page):
    page.click("#camera")
    says(page, r"^1 face, [0-9.]+ frames/s$")
    assert page.locator("#shown").is_visible() and page.locator("#found svg circle").count() == 1
    page.click("#camera")
    playwright.expect(page.locator("#camera")).to_have_text("Camera")
