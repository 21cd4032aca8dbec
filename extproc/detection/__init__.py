"""Values that are found inside texts: addresses, numbers, keys, and what the configuration names.

A `Recogniser` proposes by a pattern (RE2, so in linear time whatever the text) and decides by a judge: check digits, the rules
of a numbering plan, the words around. `Detector` runs any number of them over a text. What is known by itself stands in
`catalogue`, what the configuration adds is made by `custom`, and `presidio` brings names of persons and places where that
library is installed.

Texts are UTF-8 bytes and offsets count bytes: what is masked is masked on the wire. All of it is pure, and knows nothing of
policies, records or databases.
"""
