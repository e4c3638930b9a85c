"""What the reports of benches share: figures of the runs of one variant, and the table of targets."""
import statistics


def figures(runs, unit):
    """Medians over runs, per `unit`: a key of theirs that counts what was done ("documents", "changes")."""
    rates = [r[unit] / r["seconds"] for r in runs]
    per_unit_us = lambda cpu: statistics.median(r[cpu] / r[unit] * 1e6 for r in runs)  # noqa: E731
    return {
        "rounds": len(runs), unit: runs[0][unit], f"{unit}_per_s": statistics.median(rates), "min": min(rates), "max": max(rates),
        "client_us": per_unit_us("client_cpu_s"), "server_us": per_unit_us("server_cpu_s"), "peak_rss_mb": max(r["peak_rss_mb"] for r in runs),
    }


def cpu_us(line):
    return line["client_us"] + line["server_us"]


def target(name, workload, value, span, cpu, limit, at_most=False):
    """`span`: the rounds' own values; `limit` None: for information."""
    holds = None if limit is None else value <= limit if at_most else value >= limit
    return {"target": name, "workload": workload, "value": value, "min": span and min(span), "max": span and max(span),
            "cpu_ratio": cpu, "limit": limit, "at_most": at_most, "holds": holds}


def targets_text(targets, judged):
    out = ["", "targets" + ("" if judged else " (not judged: at small sizes starting weighs too much)"),
           f"  {'':<15}{'':<26}{'value':>9}   {'min .. max':<18}{'CPU ratio':>9}   limit"]
    for t in targets:
        span = "" if t["min"] is None else f"{t['min']:.2f} .. {t['max']:.2f}"
        cpu = "" if t["cpu_ratio"] is None else f"{t['cpu_ratio']:.2f}"
        limit = "for information" if t["limit"] is None else f"{'<=' if t['at_most'] else '>='} {t['limit']:g}"
        verdict = "" if t["holds"] is None or not judged else "holds" if t["holds"] else "MISSED"
        out.append(f"  {t['workload']:<15}{t['target']:<26}{t['value']:>9.2f}   {span:<18}{cpu:>9}   {limit:<17}{verdict}".rstrip())
    return out
