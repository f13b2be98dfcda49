/** A run of words that both texts have, or only one of them. */
export interface DiffPart {
  kind: "same" | "added" | "removed";
  text: string;
}

/** Edits beyond which the texts are told apart as a whole between their common beginning and end. */
const MAX_EDITS = 1_000;

/** What to take out of `before` and put in to get `after`, word by word (Myers, "An O(ND) difference algorithm"). */
export function wordDiff(before: string, after: string): DiffPart[] {
  const a = words(before);
  const b = words(after);
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const parts: DiffPart[] = [];
  push(parts, "same", a.slice(0, head));
  middle(parts, a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  push(parts, "same", a.slice(a.length - tail));
  return parts;
}

const words = (text: string): string[] => text.match(/\s+|[\p{L}\p{N}\p{M}_]+|[^\s\p{L}\p{N}\p{M}_]/gu) ?? [];

function push(parts: DiffPart[], kind: DiffPart["kind"], tokens: readonly string[]): void {
  if (tokens.length === 0) return;
  const last = parts.at(-1);
  if (last?.kind === kind) last.text += tokens.join("");
  else parts.push({ kind, text: tokens.join("") });
}

function middle(parts: DiffPart[], a: string[], b: string[]): void {
  const trace = shortestEdit(a, b);
  if (trace === undefined) {
    push(parts, "removed", a);
    push(parts, "added", b);
    return;
  }
  // Walked from the end, so collected in reverse.
  const steps: { kind: DiffPart["kind"]; token: string }[] = [];
  let x = a.length;
  let y = b.length;
  for (let d = trace.length - 1; d >= 0 && (x > 0 || y > 0); d--) {
    const v = trace[d]!;
    const k = x - y;
    const at = (diagonal: number) => v[diagonal + d] ?? -1;
    const down = k === -d || (k !== d && at(k - 1) < at(k + 1));
    const fromK = down ? k + 1 : k - 1;
    const fromX = d === 0 ? 0 : at(fromK);
    const fromY = d === 0 ? 0 : fromX - fromK;
    while (x > fromX && y > fromY) {
      x--;
      y--;
      steps.push({ kind: "same", token: a[x]! });
    }
    if (d === 0) break;
    if (down) steps.push({ kind: "added", token: b[--y]! });
    else steps.push({ kind: "removed", token: a[--x]! });
  }
  for (const { kind, token } of steps.reverse()) push(parts, kind, [token]);
}

/** Per number of edits the furthest points reached before it; index `d` is the diagonal 0. `undefined`: too many edits. */
function shortestEdit(a: string[], b: string[]): number[][] | undefined {
  const max = Math.min(a.length + b.length, MAX_EDITS);
  const furthest = new Array<number>(2 * max + 3).fill(0);
  const zero = max + 1;
  const trace: number[][] = [];
  for (let d = 0; d <= max; d++) {
    trace.push(furthest.slice(zero - d, zero + d + 1));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && furthest[zero + k - 1]! < furthest[zero + k + 1]!);
      let x = down ? furthest[zero + k + 1]! : furthest[zero + k - 1]! + 1;
      let y = x - k;
      while (x < a.length && y < b.length && a[x] === b[y]) {
        x++;
        y++;
      }
      furthest[zero + k] = x;
      if (x >= a.length && y >= b.length) return trace;
    }
  }
  return undefined;
}
