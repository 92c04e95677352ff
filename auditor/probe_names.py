"""The names of probes that are read again where they are measured; a column of the lake holds them."""

from typing import Final

SWAPPED: Final = "swapped"
OUT_OF_SCOPE: Final = "out_of_scope"
PARAPHRASE: Final = "paraphrase"
FALSE_PREMISE: Final = "false premise"
OPTION_ORDER: Final = "option order"
NONE_OF_THESE: Final = "none of the above"
