"""YAML as Ruby reads schedules: plain text that begins with a colon is a symbol, which becomes text
without it (`queue: :high`, `:cron: ...`), as in Ruby by way of JSON; dates stay as they are
written. Imported only where there is a YAML file to read.
"""

from __future__ import annotations

import re

import yaml

_SYMBOL = "!ruby/symbol"
#: As in Ruby's Psych: a colon and anything behind it, not in quotes.
_LOOKS_LIKE_SYMBOL = re.compile(r":.")


class RubyLoader(yaml.SafeLoader):
    """The safe loader with symbols, and without dates."""


def _text_of_symbol(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    text = str(loader.construct_scalar(node)).removeprefix(":")
    # `:"two words"`
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


RubyLoader.yaml_implicit_resolvers = {
    first: [(tag, what) for tag, what in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
RubyLoader.add_implicit_resolver(_SYMBOL, _LOOKS_LIKE_SYMBOL, [":"])
for _tag in (_SYMBOL, "!ruby/sym"):
    RubyLoader.add_constructor(_tag, _text_of_symbol)
