import { MassGenError } from "../../errors.js";
import type { ReplySource } from "./reply.js";

/** Replies waiting for their request: for one model each, or for whoever asks next. */
export interface ReplyScript {
  add(...replies: ReplySource[]): void;
  addFor(model: string, ...replies: ReplySource[]): void;
  /** The next reply for this model, its own first. */
  take(model: string): ReplySource | undefined;
  remaining(): number;
  /** Throws `script_incomplete` when some are left. */
  assertEmpty(): void;
}

export function replyScript(): ReplyScript {
  const shared: ReplySource[] = [];
  const own = new Map<string, ReplySource[]>();
  const remaining = () => [shared, ...own.values()].reduce((sum, list) => sum + list.length, 0);
  return {
    add(...replies) {
      shared.push(...replies);
    },
    addFor(model, ...replies) {
      own.set(model, [...(own.get(model) ?? []), ...replies]);
    },
    take: (model) => own.get(model)?.shift() ?? shared.shift(),
    remaining,
    assertEmpty() {
      if (remaining() === 0) return;
      const models = [...own].filter(([, list]) => list.length > 0).map(([model]) => `"${model}"`);
      const where = models.length > 0 ? `, some of them for ${models.join(", ")}` : "";
      throw new MassGenError("script_incomplete", `Scripted replies of the emulator that were not used: ${remaining()}${where}.`);
    },
  };
}
