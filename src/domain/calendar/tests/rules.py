#!/usr/bin/env python3
"""Writes rules.tsv: random recurrence rules and the days on which another program, python-dateutil, says they fire.

    pip install python-dateutil && python3 src/domain/calendar/tests/rules.py

Left out is what dateutil reads in another way: BYSETPOS in the first week of a weekly rule.
"""

import pathlib
import random
from datetime import datetime, timedelta

from dateutil.rrule import rrulestr

DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


def some(values, most):
    return ",".join(str(v) for v in random.sample(values, random.randint(1, most)))


def rule():
    freq = random.choice(["DAILY", "WEEKLY", "MONTHLY", "MONTHLY", "YEARLY", "YEARLY"])
    parts = [f"FREQ={freq}"]
    if random.random() < 0.4:
        parts.append(f"INTERVAL={random.randint(2, 5)}")
    if random.random() < 0.4:
        parts.append("BYMONTH=" + some(range(1, 13), 3))
    month_days = list(range(1, 32)) + list(range(-31, 0))
    if freq != "WEEKLY" and random.random() < 0.3:
        parts.append("BYMONTHDAY=" + some(month_days, 4))
    if freq == "YEARLY" and random.random() < 0.15:
        parts.append("BYYEARDAY=" + some([1, 59, 60, 61, 100, 365, 366, -1, -306, -366], 3))
    if random.random() < 0.5:
        days = random.sample(DAYS, random.randint(1, 3))
        if freq in ("MONTHLY", "YEARLY") and random.random() < 0.6:
            days = [f"{random.choice([1, 2, 3, 4, 5, -1, -2])}{day}" for day in days]
        parts.append("BYDAY=" + ",".join(days))
    has_days = any(part.startswith("BY") for part in parts)
    if has_days and freq in ("MONTHLY", "YEARLY") and random.random() < 0.2:
        parts.append("BYSETPOS=" + some([1, 2, -1, -2], 2))
    if freq == "WEEKLY" and random.random() < 0.3:
        parts.append("WKST=" + random.choice(DAYS))
    end = random.random()
    if end < 0.2:
        parts.append(f"COUNT={random.randint(1, 12)}")
    elif end < 0.3:
        parts.append(f"UNTIL=20{random.randint(26, 33)}0630T120000")
    random.shuffle(parts)
    return ";".join(parts)


def main():
    random.seed(4)
    lines = ["# first time, rule, and all days on which it fires until the end of 2034, at most 12; made by rules.py"]
    while len(lines) < 1000:
        start = datetime(random.randint(2019, 2027), 1, 1, 9, 30) + timedelta(days=random.randint(0, 364))
        written = rule()
        fires = []
        for fire in rrulestr(written, dtstart=start).xafter(start - timedelta(days=1), count=12):
            if fire.year > 2034:
                break
            fires.append(fire.strftime("%y%m%d"))
        lines.append(f"{start:%Y-%m-%dT%H:%M}\t{written}\t{' '.join(fires)}")
    pathlib.Path(__file__).with_suffix(".tsv").write_text("\n".join(lines) + "\n")


main()
