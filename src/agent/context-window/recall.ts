import { createHash } from "node:crypto";
import type { Backend } from "../../backends/backend.js";
import type { Message } from "../../formatter/messages.js";
import type { View } from "./methods.js";
import type { Unit } from "./units.js";

/** What the conversation before a task came to: a summary, or what the provider made of it. */
export interface Condensed {
  method: "native" | "summary";
  summary?: NonNullable<View["summary"]>;
  messages?: Message[];
}

/** Conversations remembered for one backend; the oldest go first. */
const MOST = 100;
const memories = new WeakMap<Backend, Map<string, Condensed>>();

/**
 * Remembers what conversations before a task have been condensed to. Every turn of a run begins with the same one, and a chat's next
 * request with the same and a little more: neither is paid for twice. `ground`: what besides the messages it depends on.
 */
export class Recall {
  readonly #memory: Map<string, Condensed>;
  /** One for each beginning of the conversation, from the first exchange alone to all of them. */
  readonly #keys: string[];

  constructor(backend: Backend, ground: readonly unknown[], history: readonly Unit[]) {
    this.#memory = memories.get(backend) ?? new Map();
    memories.set(backend, this.#memory);
    let key = JSON.stringify(ground);
    this.#keys = history.map(({ messages }) => {
      key = createHash("sha256").update(key).update(JSON.stringify(messages)).digest("base64");
      return key;
    });
  }

  /** What is known of the longest beginning, and how many exchanges that is. */
  find(): { count: number; condensed: Condensed } | undefined {
    for (let count = this.#keys.length; count > 0; count--) {
      const condensed = this.#memory.get(this.#keys[count - 1]!);
      if (condensed !== undefined) return { count, condensed };
    }
    return undefined;
  }

  /** Forgets what a method has made of any beginning of this conversation. */
  forget(method: Condensed["method"]): void {
    for (const key of this.#keys) if (this.#memory.get(key)?.method === method) this.#memory.delete(key);
  }

  remember(count: number, condensed: Condensed): void {
    const key = this.#keys[count - 1];
    if (key === undefined) return;
    this.#memory.delete(key);
    this.#memory.set(key, condensed);
    const [oldest] = this.#memory.keys();
    if (this.#memory.size > MOST && oldest !== undefined) this.#memory.delete(oldest);
  }
}
