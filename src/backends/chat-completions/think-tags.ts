/** What a piece of text turned out to be. */
export interface ThinkPiece {
  reasoning: string;
  text: string;
}

const OPEN = "<think>";
const CLOSE = "</think>";

/**
 * Splits a reply that begins with a `<think>` block. Only a block at the start counts: later the tag may be what the answer
 * is about. With `alreadyOpen` the prompt ended in the opening tag, so the reply starts inside the block.
 */
export interface ThinkSplitter {
  push(delta: string): ThinkPiece;
  /** What was held back because it might have become a tag. */
  flush(): ThinkPiece;
}

export function thinkSplitter(alreadyOpen = false): ThinkSplitter {
  let state: "start" | "thinking" | "text" = "start";
  let held = "";

  return {
    push(delta) {
      if (state === "text") return { reasoning: "", text: delta };
      held += delta;
      if (state === "start") {
        const begin = held.trimStart();
        if (begin === "" || (begin.length < OPEN.length && OPEN.startsWith(begin))) return { reasoning: "", text: "" };
        if (begin.startsWith(OPEN)) {
          state = "thinking";
          held = begin.slice(OPEN.length);
        } else if (alreadyOpen) state = "thinking";
        else {
          state = "text";
          return take("text");
        }
      }
      const end = held.indexOf(CLOSE);
      if (end >= 0) {
        const piece = { reasoning: held.slice(0, end), text: held.slice(end + CLOSE.length) };
        state = "text";
        held = "";
        return piece;
      }
      const safe = held.length - tagTail(held);
      const reasoning = held.slice(0, safe);
      held = held.slice(safe);
      return { reasoning, text: "" };
    },
    flush: () => take(state === "thinking" ? "reasoning" : "text"),
  };

  function take(as: "reasoning" | "text"): ThinkPiece {
    const all = held;
    held = "";
    return as === "text" ? { reasoning: "", text: all } : { reasoning: all, text: "" };
  }
}

/** Length of the longest end of `text` that could begin a closing tag. */
function tagTail(text: string): number {
  for (let length = Math.min(CLOSE.length - 1, text.length); length > 0; length--) {
    if (CLOSE.startsWith(text.slice(text.length - length))) return length;
  }
  return 0;
}
