"""The page in a real browser, where there is one."""

import html
import json
import re
import shutil
import subprocess

import pytest

from elite_tf.report import page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# Asked in the page itself; the answer stands in the title of what is dumped.
_ASK = """
<script>
function look(frame) {
  const page = frame.contentDocument, root = page.documentElement;
  const all = [...page.querySelectorAll("figure svg, .gallery img")];
  const small = all.filter(picture => {
    const box = picture.getBoundingClientRect();
    const hidden = picture.closest("details:not([open])");
    return !hidden && (box.width < 90 || box.height < 60);
  });
  return {
    width: root.clientWidth, overflow: root.scrollWidth - root.clientWidth,
    pictures: all.length, small: small.length,
    focusable: page.querySelectorAll("a[href], summary, [tabindex='0']").length,
    broken: [...page.images].filter(image => !image.naturalWidth).length,
  };
}
addEventListener("load", () => {
  const frames = [...document.querySelectorAll("iframe")];
  document.title = JSON.stringify(frames.map(look));
});
</script>
"""


@pytest.fixture(scope="module")
def browser():
  found = next(filter(None, map(shutil.which, BROWSERS)), None)
  if found is None:
    pytest.skip("no Chromium is installed")
  return found


def test_it_is_whole_at_the_width_of_a_phone_and_of_a_screen(
  browser, make_run, tmp_path
):
  folder = make_run(labels=("cat", "a name that is rather long", "owl"))
  page.write(folder)
  source = html.escape((folder.path / "report.html").read_text("utf-8"))
  frames = "".join(
    f'<iframe srcdoc="{source}" style="border:0;width:{width}px;height:'
    '4000px"></iframe>'
    for width in (375, 1440)
  )
  frame = tmp_path / "frame.html"
  frame.write_text(f'<meta charset="utf-8">{frames}{_ASK}')
  # Into files: helpers that outlive the browser would keep a pipe open.
  with open(tmp_path / "out", "w") as out, open(tmp_path / "err", "w") as err:
    subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu",
            "--disable-breakpad", "--hide-scrollbars",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr", "--window-size=1500,9000",
            "--dump-dom", f"file://{frame}",
        ],
        stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=200,
        check=True,
    )  # fmt: skip
  assert "CONSOLE" not in (tmp_path / "err").read_text()
  title = re.search(r"<title>(\[.*?\])</title>", (tmp_path / "out").read_text())
  pages = json.loads(html.unescape(title[1]))
  assert [found["width"] for found in pages] == [375, 1440]
  for found in pages:
    assert found["overflow"] <= 0, "it has to be scrolled sideways"
    assert found["pictures"] >= 13 and found["small"] == found["broken"] == 0
    assert found["focusable"] > 20
