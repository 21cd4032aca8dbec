"""Envoy's messages as this service needs them, compiled from the two small `.proto` files beside this one.

Field numbers are those of Envoy 1.40's own definitions; ``tests/test_wire.py`` holds each message against them. ``make wire``
compiles them again. What is parsed only sometimes (structs of metadata and attributes) is declared as bytes, which is the
same on the wire, and read when it is needed.
"""
