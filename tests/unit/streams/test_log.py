"""Log lines: one per event, and nothing that came from outside can forge another."""

import re
import subprocess
import sys

SCRIPT = """
import logging
from streams import log
log.set_up()
log.info("started", port=9464)
log.warning("event_dead_lettered", field="a\\n2026-01-01 forged", share=0.5, path=print)
log.error("stopped")
logging.getLogger("faust").warning("chatter")
logging.getLogger("faust").critical("first\\nsecond %s", "third")
logging.getLogger("beckon").debug("never")
"""


def test_a_line_is_time_level_event_and_fields_and_libraries_speak_only_when_it_is_critical() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    lines = [
        re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", "", line) for line in done.stderr.splitlines()
    ]
    assert lines == [
        "info started port=9464",
        'warning event_dead_lettered field="a\\n2026-01-01 forged" share=0.5 path="<built-in function print>"',
        "error stopped",
        'critical faust says="first\\nsecond third"',
    ]
    assert done.stdout == ""
