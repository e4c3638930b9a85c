"""Transforms of random schemas: choosing them, and what section 8 of the reference says they do, on parsed documents."""


def add(rng, node, table, features, scalar):
    pass


def apply(document, nodes):
    return document
