import { linkedController } from "../agent/abort.js";
import { MassGenError } from "../errors.js";
import type { ToolkitRun } from "../tools/toolkit.js";
import type { ActiveCall } from "./active-call.js";
import { StreamLost } from "./failure.js";
import type { Progress } from "./progress.js";
import type { McpServer } from "./server.js";
import { pausableTimer } from "./timer.js";

/** After an HTTP reply has ended, how long its result may still be on its way from there to here. */
const LATE_MS = 1_000;
const DEFAULT_TIMEOUT_MS = 120_000;

/** One attempt to make a call: what may end it besides its result, and what the server may ask meanwhile. */
export interface Attempt {
  call: ActiveCall;
  /** Also aborted when the attempt has taken too long, or its reply broke off. */
  signal: AbortSignal;
  onProgress(progress: { progress: number; total?: number | undefined; message?: string | undefined }): void;
  end(): void;
}

export function beginAttempt(
  { spec, redactor }: McpServer,
  run: Pick<ToolkitRun, "ask" | "runtime">,
  agentId: string,
  outer: AbortSignal,
  report: (progress: Progress) => void,
): Attempt {
  const limit = spec.resetTimeoutOnProgress ? (spec.timeoutMs ?? DEFAULT_TIMEOUT_MS) : Number.POSITIVE_INFINITY;
  const limited = limit !== Number.POSITIVE_INFINITY || spec.address.type !== "stdio";
  const own = limited ? linkedController(outer) : undefined;
  const timer = pausableTimer(run.runtime, limit, () => {
    const message = `The MCP server "${spec.name}" sent neither a result nor progress for ${limit} ms, and the call was cancelled.`;
    own?.controller.abort(new MassGenError("mcp_timeout", message));
  });
  let cancelLate = () => {};
  let over = false;
  return {
    call: {
      agentId,
      ask: run.ask,
      hold: timer.hold,
      streamEnded(problem) {
        if (over) return;
        cancelLate();
        const lost = new StreamLost(problem ?? "broke off its reply");
        cancelLate = run.runtime.setTimer(LATE_MS, () => own?.controller.abort(lost));
      },
    },
    signal: own?.controller.signal ?? outer,
    onProgress({ progress, total, message }) {
      timer.restart();
      const said = message === undefined ? undefined : redactor.secrets(message.slice(0, 1000));
      report({ progress, ...(total !== undefined && { total }), ...(said !== undefined && { message: said }) });
    },
    end() {
      over = true;
      timer.end();
      cancelLate();
      own?.unlink();
    },
  };
}
