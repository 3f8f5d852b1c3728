"""Mathematics as MathML, which browsers draw by themselves: no script, no network.

Every formula keeps its source as the text that is shown where MathML is not.
"""

from html import escape
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert


def visit_inline(self: Any, node: nodes.math) -> None:
    self.body.append(rendered(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_block(self: Any, node: nodes.math_block) -> None:
    self.body.append(f"<div>{rendered(node.astext(), 'block')}</div>\n")
    raise nodes.SkipNode


def rendered(tex: str, display: str) -> str:
    text = convert(tex, display=display)
    return text.replace("<math ", f'<math alttext="{escape(tex, quote=True)}" ', 1)


def setup(app: Any) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
