import { MassGenError } from "../errors.js";
import type { EventOfType } from "../orchestrator/events.js";
import type { Run } from "../orchestrator/run.js";
import type { Display } from "./displays.js";
import type { Io } from "./io.js";
import { oneLine } from "./text.js";

type Request = EventOfType<"input-request">;

/** Answers what a run asks. */
export interface Requests {
  take(request: Request): void;
  /** Asks nothing more, and gives the keyboard back. */
  close(): void;
}

/** Refuses everything: nobody is there to be asked. `say` tells whom and what. */
export function refuseRequests(run: Run, say: (line: string) => void): Requests {
  return {
    take(request) {
      answer(run, request, request.kind === "approval" ? { approved: false, reason: "nobody is at the terminal to allow it" } : undefined);
      const what = request.kind === "approval" ? "denied" : "left without an answer";
      say(`${told(request)}: ${what}, for this program does not run on a terminal where it could ask.`);
    },
    close() {},
  };
}

/** Asks whoever sits at the terminal, one request after the other: `y` allows, any other key does not. */
export function askForRequests(run: Run, stdin: Io["stdin"], display: Display, onInterrupt: () => void): Requests {
  const waiting: Request[] = [];
  let listening = false;

  function ask(): void {
    const [request] = waiting;
    if (request === undefined) return rest();
    if (request.kind === "approval") return display.note(`${told(request)}. Allow it? (y/n)`);
    answer(run, request, undefined);
    display.note(`${told(request)}: this program cannot answer questions yet.`);
    next();
  }

  function next(): void {
    waiting.shift();
    ask();
  }

  function onKey(data: string | Buffer): void {
    for (const key of String(data)) {
      const [request] = waiting;
      if (key === "\u0003")
        onInterrupt(); // in raw mode Ctrl-C is a key like any other
      else if (request !== undefined && key.trim() !== "") {
        const approved = key === "y" || key === "Y";
        const late = !answer(run, request, approved);
        display.note(late ? "Too late: it has been denied." : approved ? "Allowed." : "Denied.");
        next();
      }
    }
  }

  function listen(): void {
    if (listening) return;
    listening = true;
    stdin.setRawMode?.(true);
    stdin.on("data", onKey);
    stdin.resume();
  }

  function rest(): void {
    if (!listening) return;
    listening = false;
    stdin.off("data", onKey);
    stdin.setRawMode?.(false);
    stdin.pause();
  }

  return {
    take(request) {
      waiting.push(request);
      listen();
      if (waiting.length === 1) ask();
    },
    close() {
      waiting.length = 0;
      rest();
    },
  };
}

/** False, if it is not open any more. */
function answer(run: Run, { requestId }: Request, value: unknown): boolean {
  try {
    run.respond(requestId, value);
    return true;
  } catch (error) {
    if (error instanceof MassGenError && error.code === "unknown_request") return false;
    throw error;
  }
}

function told({ kind, agentId, toolName, input, message }: Request): string {
  if (kind === "approval") return `${agentId} asks to call ${toolName} with ${oneLine(JSON.stringify(input) ?? "nothing")}`;
  return `${agentId ?? "A tool"} asks: ${oneLine(message ?? toolName ?? "")}`;
}
