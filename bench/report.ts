import { cpus } from "node:os";

/** A Markdown table. */
export function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** As many digits as mean something. */
export function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function range(values: number[], show: (value: number) => string = number): string {
  return `${show(Math.min(...values))}–${show(Math.max(...values))}`;
}

/** A target, and whether it is met. */
export function target(value: number, atMost: number, unit: string): string {
  return `≤ ${atMost}${unit} ${value <= atMost ? "met" : "**missed**"}`;
}

export function machine(): string {
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown CPU"}, Node ${process.versions.node}, ${process.platform}`;
}
