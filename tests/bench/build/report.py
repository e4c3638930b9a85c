"""From samples to the table and the targets. Everything is a median over the rounds; a ratio is one of medians of rates, and its range is that
of the rounds' own ratios, because the variants of one round ran one after the other."""
import statistics

# workload -> ((variant, least ratio of our rate to its rate), …)
LIMITS = {"flat": (("peer", 12), ("copy", 0.5), ("json_agg", None)), "nested": (("peer", 12), ("json_agg", 3), ("copy", None)),
          "deep": (("peer", None), ("json_agg", None), ("copy", None))}
PEAK_MB = 128


class Results:
    """samples[workload][variant] = the runs' dicts, in the order of the rounds."""

    def __init__(self, samples):
        self.samples = samples

    def line(self, workload, variant):
        runs = self.samples[workload][variant]
        median = lambda of: statistics.median(of(r) for r in runs)  # noqa: E731
        return {
            "workload": workload, "variant": variant, "rounds": len(runs), "documents": runs[0]["documents"],
            "documents_per_s": median(lambda r: r["documents"] / r["seconds"]),
            "min": min(r["documents"] / r["seconds"] for r in runs), "max": max(r["documents"] / r["seconds"] for r in runs),
            "client_us": median(lambda r: r["client_cpu_s"] / r["documents"] * 1e6),
            "server_us": median(lambda r: r["server_cpu_s"] / r["documents"] * 1e6),
            "peak_rss_mb": max(r["peak_rss_mb"] for r in runs),
        }

    def lines(self):
        return [self.line(w, v) for w in self.samples for v in self.samples[w]]

    def targets(self):
        out = []
        for workload, variants in self.samples.items():
            ours = self.line(workload, "pgsync")
            for variant, limit in LIMITS[workload]:
                if variant not in variants:
                    continue
                theirs = self.line(workload, variant)
                pairs = [b["seconds"] / b["documents"] / (a["seconds"] / a["documents"]) for a, b in zip(variants["pgsync"], variants[variant])]
                cpu = (theirs["client_us"] + theirs["server_us"]) / (ours["client_us"] + ours["server_us"])
                value = ours["documents_per_s"] / theirs["documents_per_s"]
                out.append({"target": f"rate / {variant}", "workload": workload, "value": value, "min": min(pairs), "max": max(pairs),
                            "cpu_ratio": cpu, "limit": limit, "holds": None if limit is None else value >= limit})
            out.append({"target": "peak memory, MB", "workload": workload, "value": ours["peak_rss_mb"], "min": None, "max": None,
                        "cpu_ratio": None, "limit": PEAK_MB, "holds": ours["peak_rss_mb"] <= PEAK_MB})
        return out

    def as_text(self, judged):
        out = [f"{'':<10}{'':<10}{'documents':>11}{'documents/s':>13}{'min .. max':>23}{'client us':>11}{'server us':>11}{'peak MB':>9}"]
        for x in self.lines():
            span = f"{x['min']:,.0f} .. {x['max']:,.0f}"
            out.append(f"{x['workload']:<10}{x['variant']:<10}{x['documents']:>11,}{x['documents_per_s']:>13,.0f}{span:>23}"
                       f"{x['client_us']:>11.1f}{x['server_us']:>11.1f}{x['peak_rss_mb']:>9.0f}")
        out += ["", "targets" + ("" if judged else " (not judged: at small sizes starting weighs too much)"),
                f"  {'':<10}{'':<20}{'value':>9}   {'min .. max':<18}{'CPU ratio':>9}   limit"]
        for t in self.targets():
            span = "" if t["min"] is None else f"{t['min']:.2f} .. {t['max']:.2f}"
            cpu = "" if t["cpu_ratio"] is None else f"{t['cpu_ratio']:.2f}"
            limit = "for information" if t["limit"] is None else f"{'<=' if 'memory' in t['target'] else '>='} {t['limit']:g}"
            verdict = "" if t["holds"] is None or not judged else "holds" if t["holds"] else "MISSED"
            out.append(f"  {t['workload']:<10}{t['target']:<20}{t['value']:>9.2f}   {span:<18}{cpu:>9}   {limit:<17}{verdict}".rstrip())
        return "\n".join(out)
