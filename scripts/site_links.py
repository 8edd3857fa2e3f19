"""Hook of mkdocs that turns links out of docs/ (README, notebook, source) into text with the path.

These links work on GitHub, where the pages are read as they are. The site holds docs/ alone.
"""

from __future__ import annotations

import re
from typing import Any

OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)#]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace `[text](../path)` by `text (path)`."""
    return OUTSIDE.sub(r"\1 (`\2`)", markdown)
