"""Fusing two scores into a grade, as Python does it: one by one with the standard library, and ten thousand at once with NumPy and SciPy;
and two beliefs by Dempster's rule and PCR6 over bit masks, as ibelief does it.

The peer of `cargo bench -p benches --bench fusion_peers`. It reads one JSON line of trays with the results of the Rust program, answers with a JSON
list of everything that disagrees, and then, for every line "task n", does the task n times and answers with the nanoseconds that took.
"""

import json
import sys
import time
from math import erfc, sqrt

import numpy as np
from scipy.special import ndtr

SCALE, WIDTH, DISPARITY = (0.95, 0.85, 0.70, 0.50), (0.8416212335729143, 0.0, 0.0, 1.6448536269514722), 0.10


def cdf(x):
    """The standard normal distribution function."""
    return 0.5 * erfc(-x / 1.4142135623730951)


def one(a, u, b, v):
    """A tray: fused score, its uncertainty, the place of its grade, raw confidence."""
    mean = 2.0 / (1.0 / a + 1.0 / b)
    ca, cb = 0.5 * (mean / a) ** 2, 0.5 * (mean / b) ** 2
    u0 = sqrt((ca * u) ** 2 + (cb * v) ** 2)
    birge2 = max(1.0, (a - b) ** 2 / (u * u + v * v + 2 * DISPARITY * DISPARITY))
    u_f = u0 * sqrt(birge2)
    reached = [cdf((mean - t) / u_f) for t in SCALE]
    pmf = [reached[0], reached[1] - reached[0], reached[2] - reached[1], reached[3] - reached[2], 1.0 - reached[3]]
    point = next((k for k in range(4) if mean >= SCALE[k]), 4)
    certain = [mean - SCALE[k] >= WIDTH[k] * u_f for k in range(4)]
    grade = next((k for k in range(point, 4) if all(certain[k:])), 4)
    if u0 < u_f:
        inside = (cdf((mean - SCALE[point]) / u0) if point < 4 else 1.0) - (cdf((mean - SCALE[point - 1]) / u0) if point else 0.0)
    else:
        inside = pmf[point]
    return mean, u_f, grade, inside / birge2


def many(a, u, b, v):
    """The same for arrays of trays."""
    mean = 2.0 / (1.0 / a + 1.0 / b)
    u0 = np.hypot(0.5 * (mean / a) ** 2 * u, 0.5 * (mean / b) ** 2 * v)
    birge2 = np.maximum(1.0, (a - b) ** 2 / (u * u + v * v + 2 * DISPARITY * DISPARITY))
    u_f = u0 * np.sqrt(birge2)
    margin = mean[:, None] - np.array(SCALE)
    reached = ndtr(margin / u_f[:, None])
    pmf = np.diff(reached, axis=1, prepend=0.0, append=1.0)
    point = np.where((margin >= 0).any(1), (margin >= 0).argmax(1), 4)
    certain = margin >= np.array(WIDTH) * u_f[:, None]
    nested = np.logical_and.accumulate(certain[:, ::-1], axis=1)[:, ::-1] & (np.arange(4) >= point[:, None])
    grade = np.where(nested.any(1), nested.argmax(1), 4)
    narrow = np.diff(ndtr(margin / u0[:, None]), axis=1, prepend=0.0, append=1.0)
    return mean, u_f, grade, np.take_along_axis(narrow, point[:, None], 1)[:, 0] / birge2, pmf


def combined(first, second, pcr6):
    """Two masses over the subsets of five hypotheses."""
    out = [0.0] * 32
    for x, m in first:
        for y, n in second:
            out[x & y] += m * n
            if pcr6 and x & y == 0:
                out[x] += m * n * m / (m + n)
                out[y] += m * n * n / (m + n)
    conflict, out[0] = out[0], 0.0
    return out if pcr6 else [mass / (1.0 - conflict) for mass in out]


def main():
    """Checks, then times on demand."""
    data = json.loads(sys.stdin.readline())
    trays = np.array(data["trays"])
    arrays = [np.ascontiguousarray(column) for column in trays.T]
    beliefs = [[(k, m) for k, m in enumerate(masses) if m > 0] for masses in data["beliefs"]]
    wrong = []
    together = np.array(many(*arrays)[:4]).T
    for k, (tray, expected) in enumerate(zip(data["trays"], data["expected"])):
        for ours in (one(*tray), together[k]):
            if not np.allclose(ours, expected, rtol=1e-9, atol=1e-12):
                wrong.append(f"tray {k}: {list(map(float, ours))} here, {expected} there")
    for pcr6, name in ((False, "dempster"), (True, "pcr6")):
        if not np.allclose(combined(*beliefs, pcr6), data[name], rtol=1e-9, atol=1e-12):
            wrong.append(f"{name}: {combined(*beliefs, pcr6)} here, {data[name]} there")
    print(json.dumps(wrong), flush=True)
    tasks = {"one": lambda k: one(*data["trays"][k % len(data["trays"])]), "many": lambda k: many(*arrays),
             "dempster": lambda k: combined(*beliefs, False), "pcr6": lambda k: combined(*beliefs, True)}
    for line in sys.stdin:
        name, n = line.split()
        task = tasks[name]
        begin = time.perf_counter_ns()
        for k in range(int(n)):
            task(k)
        print(time.perf_counter_ns() - begin, flush=True)


if __name__ == "__main__":
    main()
