"""CSV files for the tests of the command line."""

import csv

import numpy as np


def write(name, rows, delimiter=","):
    with open(name, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return name


def flowers(m=120, seed=0):
    """Three species that differ in two of three measures; the fourth column is constant."""
    rng = np.random.default_rng(seed)
    species = rng.integers(0, 3, m)
    measures = rng.normal(0, 0.4, (m, 3)) + np.outer(species, [3, -2, 0])
    names = ["iris, white", "rosé", "aster"]
    rows = [
        [*map(repr, row), "7.1", names[k]]
        for row, k in zip(measures.tolist(), species, strict=True)
    ]
    return [["long", "wide", "high", "const", "kind"], *rows]


def plane(m=200, seed=0, slope=3.0):
    """y = 100 + 30 a - 20 b, with hardly any noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(0, 10, (m, 2))
    y = 1000 + 10 * slope * X[:, 0] - 20 * X[:, 1] + rng.normal(0, 0.1, m)
    return [["a", "b", "y"], *np.column_stack([X, y]).tolist()]


def shops(m=120, seed=0):
    """A price that depends on the city and the size; some cells are empty."""
    rng = np.random.default_rng(seed)
    cities, worth = ["Oslo", "Bergen", "Bodø"], [100, 40, -30]
    city, size = rng.integers(0, 3, m), rng.normal(50, 10, m)
    price = 500 + 3 * size + np.take(worth, city) + rng.normal(0, 0.5, m)
    rows = [
        [cities[k], repr(s), repr(p)]
        for k, s, p in zip(city, size.tolist(), price.tolist(), strict=True)
    ]
    for row, place in ((5, 0), (11, 1), (17, 0), (23, 1)):
        rows[row][place] = ""
    return [["city", "size", "price"], *rows]


def column(text, name):
    rows = list(csv.DictReader(text.splitlines()))
    return [row[name] for row in rows]
