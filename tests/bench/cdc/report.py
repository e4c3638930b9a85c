"""From samples to the table and the targets. Everything is a median over the rounds; a ratio is one of medians of rates."""
import statistics

from workloads import WORKLOADS

BACKLOG_RATIO = 0.9
PEAK_MB = 256


class Results:
    """samples[workload][variant] = the runs' dicts, in the order of the rounds. Variants: pgsync, peer, and "last N" of a shorter queue."""

    def __init__(self, samples):
        self.samples = samples

    def line(self, workload, variant):
        runs = self.samples[workload][variant]
        median = lambda of: statistics.median(of(r) for r in runs)  # noqa: E731
        rates = [r["changes"] / r["seconds"] for r in runs]
        return {
            "workload": workload, "variant": variant, "rounds": len(runs), "changes": runs[0]["changes"],
            "changes_per_s": statistics.median(rates), "min": min(rates), "max": max(rates),
            "documents": median(lambda r: r["documents"]), "documents_per_s": median(lambda r: r["documents"] / r["seconds"]),
            "client_us": median(lambda r: r["client_cpu_s"] / r["changes"] * 1e6),
            "server_us": median(lambda r: r["server_cpu_s"] / r["changes"] * 1e6),
            "peak_rss_mb": max(r["peak_rss_mb"] for r in runs),
        }

    def lines(self):
        return [self.line(w, v) for w in self.samples for v in self.samples[w]]

    def targets(self):
        out = []

        def target(name, workload, value, span, cpu, limit, at_most=False):
            holds = None if limit is None else value <= limit if at_most else value >= limit
            out.append({"target": name, "workload": workload, "value": value, "min": span and min(span), "max": span and max(span),
                        "cpu_ratio": cpu, "limit": limit, "at_most": at_most, "holds": holds})

        cpu = lambda x: x["client_us"] + x["server_us"]  # noqa: E731
        limits = {w.name: w.limit for w in WORKLOADS}
        for workload, variants in self.samples.items():
            ours = self.line(workload, "pgsync")
            rates = [r["changes"] / r["seconds"] for r in variants["pgsync"]]
            for variant in variants:
                other = self.line(workload, variant)
                if variant == "peer":
                    target("rate / PGSync's", workload, ours["changes_per_s"] / other["changes_per_s"],
                           [r / other["changes_per_s"] for r in rates], cpu(other) / cpu(ours), limits[workload])
                elif variant != "pgsync":
                    shorter = [r["changes"] / r["seconds"] for r in variants[variant]]
                    target(f"rate / that of {variant}", workload, ours["changes_per_s"] / other["changes_per_s"],
                           [a / b for a, b in zip(rates, shorter)], cpu(other) / cpu(ours), BACKLOG_RATIO)
            target("peak memory, MB", workload, ours["peak_rss_mb"], None, None, PEAK_MB, at_most=True)
        return out

    def as_text(self, judged):
        out = [f"{'':<15}{'':<14}{'changes':>10}{'changes/s':>11}{'min .. max':>21}{'documents':>11}{'docs/s':>9}{'client us':>11}"
               f"{'server us':>11}{'peak MB':>9}"]
        for x in self.lines():
            span = f"{x['min']:,.0f} .. {x['max']:,.0f}"
            out.append(f"{x['workload']:<15}{x['variant']:<14}{x['changes']:>10,}{x['changes_per_s']:>11,.0f}{span:>21}{x['documents']:>11,.0f}"
                       f"{x['documents_per_s']:>9,.0f}{x['client_us']:>11.1f}{x['server_us']:>11.1f}{x['peak_rss_mb']:>9.0f}")
        out += ["", "targets" + ("" if judged else " (not judged: at small sizes starting weighs too much)"),
                f"  {'':<15}{'':<26}{'value':>9}   {'min .. max':<18}{'CPU ratio':>9}   limit"]
        for t in self.targets():
            span = "" if t["min"] is None else f"{t['min']:.2f} .. {t['max']:.2f}"
            ratio = "" if t["cpu_ratio"] is None else f"{t['cpu_ratio']:.2f}"
            limit = f"{'<=' if t['at_most'] else '>='} {t['limit']:g}"
            verdict = "" if not judged else "holds" if t["holds"] else "MISSED"
            out.append(f"  {t['workload']:<15}{t['target']:<26}{t['value']:>9.2f}   {span:<18}{ratio:>9}   {limit:<9}{verdict}".rstrip())
        return "\n".join(out)
