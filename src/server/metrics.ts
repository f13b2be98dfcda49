/** Counters and histograms in Prometheus' text format. Labels are routes, model names and outcomes: few, and never a client's words. */

export interface Gauge {
  name: string;
  help: string;
  value(): number;
}

const BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

interface Histogram {
  counts: number[];
  sum: number;
  count: number;
}

type Labels = Record<string, string>;

interface Family<T> {
  help: string;
  /** By the labels, as they are written. */
  values: Map<string, T>;
}

export class Metrics {
  readonly #gauges: readonly Gauge[];
  readonly #counters = new Map<string, Family<number>>();
  readonly #histograms = new Map<string, Family<Histogram>>();

  constructor(gauges: readonly Gauge[]) {
    this.#gauges = gauges;
  }

  count(name: string, help: string, labels: Labels, by = 1): void {
    const { values } = entry(this.#counters, name, () => ({ help, values: new Map() }));
    const key = written(labels);
    values.set(key, (values.get(key) ?? 0) + by);
  }

  observe(name: string, help: string, labels: Labels, seconds: number): void {
    const { values } = entry(this.#histograms, name, () => ({ help, values: new Map() }));
    const histogram = entry(values, written(labels), () => ({ counts: BUCKETS.map(() => 0), sum: 0, count: 0 }));
    histogram.count++;
    histogram.sum += seconds;
    for (const [i, bound] of BUCKETS.entries()) if (seconds <= bound) histogram.counts[i]!++;
  }

  text(): string {
    const lines: string[] = [];
    const head = (name: string, help: string, type: string) => lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const { name, help, value } of this.#gauges) {
      head(name, help, "gauge");
      lines.push(`${name} ${value()}`);
    }
    for (const [name, { help, values }] of this.#counters) {
      head(name, help, "counter");
      for (const [labels, value] of values) lines.push(`${name}${braced(labels)} ${value}`);
    }
    for (const [name, { help, values }] of this.#histograms) {
      head(name, help, "histogram");
      for (const [labels, { counts, sum, count }] of values) {
        const comma = labels === "" ? "" : ",";
        for (const [i, bound] of BUCKETS.entries()) lines.push(`${name}_bucket{${labels}${comma}le="${bound}"} ${counts[i]}`);
        lines.push(`${name}_bucket{${labels}${comma}le="+Inf"} ${count}`);
        lines.push(`${name}_sum${braced(labels)} ${sum}`, `${name}_count${braced(labels)} ${count}`);
      }
    }
    return `${lines.join("\n")}\n`;
  }
}

const braced = (labels: string) => (labels === "" ? "" : `{${labels}}`);

function written(labels: Labels): string {
  const quoted = (value: string) => value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${quoted(value)}"`)
    .join(",");
}

function entry<T>(map: Map<string, T>, key: string, make: () => T): T {
  const there = map.get(key);
  if (there !== undefined) return there;
  const made = make();
  map.set(key, made);
  return made;
}
