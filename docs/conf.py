"""How Sphinx makes the site of these pages: `sh docs/build.sh`."""

from __future__ import annotations

import re
from pathlib import Path

from pygments.lexers.shell import BashSessionLexer
from sphinx.application import Sphinx

SOURCES = Path(__file__).resolve().parents[1] / "src/stackenv/__init__.py"
(found,) = re.findall(r'(?m)^__version__ = "(.+)"$', SOURCES.read_text(encoding="utf-8"))

project = "stackenv"
author = "the stackenv authors"
version = release = found
html_title = f"stackenv {found}"

extensions = ["myst_parser", "sphinx.ext.graphviz", "sphinx_copybutton"]
# Pictures are text in the pages, which `dot` draws.
graphviz_output_format = "svg"
# Links to headings, such as commands.md#stackenv-create, are looked up, too.
myst_heading_anchors = 3
# Examples of several shells, and of what is printed: most are no one language.
highlight_language = "text"
# In prose, too, two dashes before an option stay two.
smartquotes = False
# The button copies what is typed: neither the prompt nor what is printed.
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
copybutton_remove_prompts = True

html_theme = "furo"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["site.css"]


class Transcript(BashSessionLexer):
    """What is typed behind `$ `, and what is printed: the usual lexer takes `#SBATCH` for a prompt, too."""

    _ps1rgx = re.compile(r"^(\$ )(.*\n?)")


def setup(app: Sphinx) -> None:
    """Have the transcripts of the pages read so."""
    app.add_lexer("console", Transcript)
