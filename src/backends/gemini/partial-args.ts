/** A piece of a call's arguments, as Gemini streams them: a value, or the next part of a string, at a JSONPath. */
export interface PartialArg {
  jsonPath?: string;
  stringValue?: string;
  numberValue?: number;
  boolValue?: boolean;
  nullValue?: unknown;
  willContinue?: boolean;
}

type Step = string | number;
type Node = { kind: "object"; entries: Map<Step, Node> } | { kind: "array"; entries: Map<Step, Node> } | Leaf;
interface Leaf {
  kind: "leaf";
  value: unknown;
  open: boolean;
}
type Container = Exclude<Node, Leaf>;

/** An index beyond this is no argument that a model wrote. */
const MAX_INDEX = 100_000;

/**
 * Puts streamed arguments together. `push` gives the JSON text that a piece adds, as long as the pieces come in the order in which
 * JSON is written; `text()` is the whole at any time.
 */
export class PartialArgs {
  private readonly root: Container = { kind: "object", entries: new Map() };
  /** Containers below the root that the streamed text has opened. */
  private readonly stack: Container[] = [];
  private started = false;
  /** A string whose closing quote has not been written. */
  private openLeaf: Leaf | undefined;
  /** The pieces jumped back: what was streamed can no longer be made whole. */
  private scattered = false;
  /** Why a piece could not be placed. */
  problem: string | undefined;

  push(piece: PartialArg): string {
    const steps = parsePath(piece.jsonPath ?? "");
    if (!steps) {
      this.problem ??= `the path ${JSON.stringify(piece.jsonPath ?? "")} of a piece of the arguments cannot be read`;
      return "";
    }
    const value = pieceValue(piece);
    return value === undefined ? "" : this.put(steps, value, piece.willContinue === true);
  }

  /** A whole argument. */
  set(name: string, value: unknown): string {
    return this.put([name], value, false);
  }

  private put(steps: Step[], value: unknown, going: boolean): string {
    const parents = this.parents(steps);
    const parent = parents.at(-1);
    const last = steps.at(-1)!;
    if (!parent) return "";
    const before = parent.entries.get(last);
    if (before?.kind === "leaf" && before.open && typeof before.value === "string" && typeof value === "string") {
      before.value += value;
      before.open = going;
      if (this.scattered || before !== this.openLeaf) return this.scatter();
      if (!going) this.openLeaf = undefined;
      return JSON.stringify(value).slice(1, -1) + (going ? "" : '"');
    }
    const leaf: Leaf = { kind: "leaf", value, open: going };
    parent.entries.set(last, leaf);
    if (this.scattered || before) return this.scatter();
    return this.write(steps, parents, leaf);
  }

  /** Closes what is open; the text that this adds. */
  close(): string {
    if (this.scattered) return "";
    let text = this.started ? "" : "{";
    this.started = true;
    if (this.openLeaf) text += '"';
    this.openLeaf = undefined;
    for (let node = this.stack.pop(); node; node = this.stack.pop()) text += closing(node);
    return `${text}}`;
  }

  /** Whether a string still waits for its end. */
  get incomplete(): boolean {
    return someOpen(this.root);
  }

  /** All of it as JSON. */
  text(): string {
    return toJson(this.root);
  }

  private scatter(): string {
    this.scattered = true;
    return "";
  }

  /** The containers on the way to the value, the root first; made where they are missing. */
  private parents(steps: Step[]): Container[] {
    const path: Container[] = [this.root];
    for (let i = 0; i < steps.length - 1; i++) {
      const kind = typeof steps[i + 1] === "number" ? "array" : "object";
      const container = path.at(-1)!;
      const there = container.entries.get(steps[i]!);
      if (there && there.kind !== "leaf") path.push(there);
      else {
        if (there) this.scattered = true;
        const made: Container = { kind, entries: new Map() };
        container.entries.set(steps[i]!, made);
        path.push(made);
      }
    }
    return path;
  }

  /** The text of a new value, with the containers that close before it and open for it. */
  private write(steps: Step[], parents: Container[], leaf: Leaf): string {
    let text = "";
    if (this.openLeaf) {
      text += '"';
      this.openLeaf.open = false;
      this.openLeaf = undefined;
    }
    if (!this.started) text += "{";
    this.started = true;
    const ways = parents.slice(1);
    let shared = 0;
    while (shared < this.stack.length && this.stack[shared] === ways[shared]) shared++;
    while (this.stack.length > shared) text += closing(this.stack.pop()!);
    let container = shared === 0 ? this.root : ways[shared - 1]!;
    for (let i = shared; i < steps.length; i++) {
      const child: Node = i === steps.length - 1 ? leaf : ways[i]!;
      const step = steps[i]!;
      const index = [...container.entries.values()].indexOf(child);
      // A container that was closed already, or an element that left a gap, cannot be written any more.
      if (index !== container.entries.size - 1 || (container.kind === "array" && step !== index)) {
        return text + this.scatter();
      }
      if (index > 0) text += ",";
      if (container.kind === "object") text += `${JSON.stringify(String(step))}:`;
      if (child.kind === "leaf") break;
      text += child.kind === "array" ? "[" : "{";
      this.stack.push(child);
      container = child;
    }
    const json = JSON.stringify(leaf.value);
    if (!leaf.open) return text + json;
    this.openLeaf = leaf;
    return text + json.slice(0, -1);
  }
}

function closing(node: Container): string {
  return node.kind === "array" ? "]" : "}";
}

function pieceValue(piece: PartialArg): unknown {
  if (piece.stringValue !== undefined) return piece.stringValue;
  if (piece.numberValue !== undefined) return piece.numberValue;
  if (piece.boolValue !== undefined) return piece.boolValue;
  return "nullValue" in piece ? null : undefined;
}

/** `$.a[0]['b c']` as its steps. */
function parsePath(path: string): Step[] | undefined {
  if (!path.startsWith("$")) return undefined;
  const steps: Step[] = [];
  const token = /\.([^.[\]]+)|\[(\d+)\]|\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/y;
  token.lastIndex = 1;
  while (token.lastIndex < path.length) {
    const found = token.exec(path);
    if (!found) return undefined;
    const [, name, index, single, double] = found;
    if (index !== undefined) {
      if (Number(index) > MAX_INDEX) return undefined;
      steps.push(Number(index));
    } else steps.push(name ?? (single ?? double ?? "").replace(/\\(.)/g, "$1"));
  }
  return steps.length > 0 ? steps : undefined;
}

function toJson(node: Node): string {
  if (node.kind === "leaf") return JSON.stringify(node.value);
  if (node.kind === "object") {
    return `{${[...node.entries].map(([key, child]) => `${JSON.stringify(String(key))}:${toJson(child)}`).join(",")}}`;
  }
  const last = Math.max(-1, ...[...node.entries.keys()].map((key) => (typeof key === "number" ? key : -1)));
  const items = Array.from({ length: last + 1 }, (_, i) => node.entries.get(i));
  return `[${items.map((item) => (item ? toJson(item) : "null")).join(",")}]`;
}

function someOpen(node: Node): boolean {
  if (node.kind === "leaf") return node.open;
  for (const child of node.entries.values()) if (someOpen(child)) return true;
  return false;
}
