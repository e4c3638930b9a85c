"""From samples to the table and the targets. Everything is a median over the rounds; a ratio is one of medians of rates."""
import statistics

from lib.report import cpu_us, figures, target, targets_text
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
        return {"workload": workload, "variant": variant, **figures(runs, "changes"), "documents": median(lambda r: r["documents"]),
                "documents_per_s": median(lambda r: r["documents"] / r["seconds"])}

    def lines(self):
        return [self.line(w, v) for w in self.samples for v in self.samples[w]]

    def targets(self):
        out = []
        limits = {w.name: w.limit for w in WORKLOADS}
        for workload, variants in self.samples.items():
            ours = self.line(workload, "pgsync")
            rates = [r["changes"] / r["seconds"] for r in variants["pgsync"]]
            for variant in variants:
                other = self.line(workload, variant)
                if variant == "peer":
                    out.append(target("rate / PGSync's", workload, ours["changes_per_s"] / other["changes_per_s"],
                                      [r / other["changes_per_s"] for r in rates], cpu_us(other) / cpu_us(ours), limits[workload]))
                elif variant != "pgsync":
                    shorter = [r["changes"] / r["seconds"] for r in variants[variant]]
                    out.append(target(f"rate / that of {variant}", workload, ours["changes_per_s"] / other["changes_per_s"],
                                      [a / b for a, b in zip(rates, shorter)], cpu_us(other) / cpu_us(ours), BACKLOG_RATIO))
            out.append(target("peak memory, MB", workload, ours["peak_rss_mb"], None, None, PEAK_MB, at_most=True))
        return out

    def as_text(self, judged):
        out = [f"{'':<15}{'':<14}{'changes':>10}{'changes/s':>11}{'min .. max':>21}{'documents':>11}{'docs/s':>9}{'client us':>11}"
               f"{'server us':>11}{'peak MB':>9}"]
        for x in self.lines():
            span = f"{x['min']:,.0f} .. {x['max']:,.0f}"
            out.append(f"{x['workload']:<15}{x['variant']:<14}{x['changes']:>10,}{x['changes_per_s']:>11,.0f}{span:>21}{x['documents']:>11,.0f}"
                       f"{x['documents_per_s']:>9,.0f}{x['client_us']:>11.1f}{x['server_us']:>11.1f}{x['peak_rss_mb']:>9.0f}")
        return "\n".join(out + targets_text(self.targets(), judged))
