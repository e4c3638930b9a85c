"""From samples to the table, the targets and the JSON. Everything is a median over the rounds; a ratio is one of medians, and its range
is that of the rounds' own ratios, because the drains of one round ran one after the other."""
import statistics

MB = 1e6
MEMORY_LIMIT_MB = 8


class Results:
    """samples[workload name][variant name] = the drains' dicts, in the order of the rounds."""

    def __init__(self, samples, workloads):
        self.samples = samples
        self.workloads = {w.name: w for w in workloads}

    def has(self, workload, variant):
        return bool(self.samples.get(workload, {}).get(variant))

    def values(self, workload, variant, key):
        return [s[key] for s in self.samples[workload][variant]]

    def median(self, workload, variant, key):
        return statistics.median(self.values(workload, variant, key))

    def ratio(self, workload, variant, base, key="cpu_ns"):
        if not self.has(workload, variant) or not self.has(workload, base):
            return None
        return self.median(workload, variant, key) / self.median(workload, base, key)

    def ratio_range(self, workload, variant, base, key="cpu_ns"):
        pairs = zip(self.values(workload, variant, key), self.values(workload, base, key))
        ratios = [a / b for a, b in pairs]
        return min(ratios), max(ratios)

    def ratio_of_minima(self, workload, variant, base, key="cpu_ns"):
        return min(self.values(workload, variant, key)) / min(self.values(workload, base, key))

    def memory_above_floor(self, workload, variant):
        """MB of private memory at the peak above the no-op plugin's."""
        if not self.has(workload, variant) or not self.has(workload, "noop"):
            return None
        kb = self.median(workload, variant, "peak_anon_kb") - self.median(workload, "noop", "peak_anon_kb")
        return kb * 1024 / MB

    def line(self, workload, variant):
        rows = self.workloads[workload].rows
        cpu = [ns / rows / 1000 for ns in self.values(workload, variant, "cpu_ns")]
        text = "pgoutput filtered" if workload == "unrelated" else "pgoutput"
        middle = statistics.median(cpu)
        return {
            "workload": workload, "variant": variant, "rows": rows, "rounds": len(cpu),
            "cpu_us_per_row": middle, "cpu_us_min": min(cpu), "cpu_us_max": max(cpu), "spread": (max(cpu) - min(cpu)) / middle,
            "to_pgoutput": self.ratio(workload, variant, text), "to_noop": self.ratio(workload, variant, "noop"),
            "rows_per_s": rows / (self.median(workload, variant, "wall_ns") / 1e9),
            "mb_sent": self.median(workload, variant, "bytes") / MB, "messages": self.median(workload, variant, "messages"),
            "peak_anon_mb": self.median(workload, variant, "peak_anon_kb") * 1024 / MB,
            "peak_above_noop_mb": self.memory_above_floor(workload, variant),
        }

    def lines(self, workload):
        return [self.line(workload, variant) for variant in self.samples[workload]]


def targets(results):
    """What must hold, each as a dict; limit None = for information. Judged is the ratio of medians ("value"). Beside it stand the range
    of the rounds' ratios, and the ratio of minima: neighbours only ever add CPU time, so on a busy machine it is the steadier one."""
    out = []

    def add(target, workload, variant, value, limit, low=None, high=None, minima=None):
        out.append({"target": target, "workload": workload, "variant": variant, "value": value, "min": low, "max": high, "of_minima": minima,
                    "limit": limit, "holds": None if limit is None else value <= limit})

    def compare(target, workload, variant, base, limit, key="cpu_ns"):
        if results.has(workload, variant) and results.has(workload, base):
            add(target, workload, variant, results.ratio(workload, variant, base, key), limit,
                *results.ratio_range(workload, variant, base, key), results.ratio_of_minima(workload, variant, base, key))

    for workload, limit in (("wide", 0.60), ("updates", 0.65), ("single", 0.70)):
        compare("CPU / pgoutput, all columns", workload, "pgsync", "pgoutput", limit)
    for workload in ("wide", "updates", "single"):
        compare("CPU / pgoutput, keys only", workload, "pgsync keys", "pgoutput", 0.50)
    for workload in results.workloads:
        compare("CPU / wal2json, all columns", workload, "pgsync", "wal2json", 0.35 if workload == "wide" else None)
    for workload in results.workloads:
        compare("CPU / wal2json, keys only", workload, "pgsync keys", "wal2json", None)
    compare("CPU / noop, not asked for", "unrelated", "pgsync filtered", "noop", 1.03)
    compare("CPU / pgoutput streaming", "big", "pgsync streaming", "pgoutput streaming", None)
    for workload, about in results.workloads.items():
        for variant in results.samples[workload]:
            above = results.memory_above_floor(workload, variant)
            if variant.split()[0] == "pgsync" and above is not None:
                # Where the row itself is larger, only what is not emitted can be held to the limit.
                free = about.large_rows and variant != "pgsync keys"
                add("peak MB above noop", workload, variant, above, None if free else MEMORY_LIMIT_MB)
    compare("CPU / noop, value not emitted", "toast", "pgsync keys", "noop", 1.1)
    compare("peak memory / noop, same", "toast", "pgsync keys", "noop", 1.1, "peak_anon_kb")
    return out


def number(value, form):
    return "-" if value is None else format(value, form)


COLUMNS = [  # heading, width, format of a value or of a pair of values
    ("CPU us/row", 12, lambda x: duration(x["cpu_us_per_row"])),
    ("min .. max", 22, lambda x: f"{duration(x['cpu_us_min'])} .. {duration(x['cpu_us_max'])}"),
    ("spread", 8, lambda x: number(x["spread"], ".0%")),
    ("/pgoutput", 11, lambda x: number(x["to_pgoutput"], ".2f")),
    ("/noop", 7, lambda x: number(x["to_noop"], ".2f")),
    ("rows/s", 11, lambda x: number(x["rows_per_s"], ",.0f" if x["rows_per_s"] >= 100 else ".2f")),
    ("MB sent", 10, lambda x: number(x["mb_sent"], ",.1f")),
    ("messages", 11, lambda x: number(x["messages"], ",.0f")),
    ("peak MB", 9, lambda x: number(x["peak_anon_mb"], ",.1f")),
    ("above noop", 12, lambda x: number(x["peak_above_noop_mb"], "+,.1f")),
]
NAME_WIDTH = 20


def duration(microseconds):
    return format(microseconds, ".2f" if microseconds < 1000 else ",.0f")


def target_line(target, judged):
    limit = "for information" if target["limit"] is None else f"<= {target['limit']:g}"
    between = "" if target["min"] is None else f"{target['min']:.3f} .. {target['max']:.3f}   {target['of_minima']:.3f}"
    verdict = "" if target["holds"] is None or not judged else "holds" if target["holds"] else "MISSED"
    return (f"  {target['target']:<31}{target['workload']:<11}{target['variant']:<17}{target['value']:>8.3f}   {between:<26}"
            f"{limit:<17}{verdict}").rstrip()


def as_text(results, skipped, judged):
    out = []
    head = " " * NAME_WIDTH + "".join(f"{heading:>{width}}" for heading, width, _ in COLUMNS)
    for name, workload in results.workloads.items():
        lines = results.lines(name)
        out += [f"{name}: {workload.title}; {workload.rows:,} rows, logical_decoding_work_mem {workload.work_mem}, "
                f"medians of {lines[0]['rounds']}", head]
        for line in lines:
            out.append(f"{line['variant']:<{NAME_WIDTH}}" + "".join(f"{cell(line):>{width}}" for _, width, cell in COLUMNS))
        out += [f"SKIPPED {name}, {variant}: {why}" for (where, variant), why in skipped.items() if where == name]
        out.append("")
    out.append("targets" + ("" if judged else " (not judged: at small sizes the session's start weighs too much)"))
    out.append(f"{'':<61}{'value':>8}   {'min .. max':<17}of minima")
    out += [target_line(t, judged) for t in targets(results)]
    return "\n".join(out)
