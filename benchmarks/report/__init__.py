"""What `nvcodec bench` has to show: one page to look at (`write_report`), tables for a terminal and for Markdown.

The page is made of `Results` alone; tables of other measurements are in files called `…_tables.py`.
`python -m nvcodec.benchmarks.report results.json` prints the Markdown.
"""

from .contents import markdown_report, terminal_tables
from .page import FrameSource, write_report
from .table import Table, markdown

__all__ = ["FrameSource", "Table", "markdown", "markdown_report", "terminal_tables", "write_report"]
