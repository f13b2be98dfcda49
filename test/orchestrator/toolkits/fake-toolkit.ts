import type { Runtime } from "../../../src/runtime.js";
import { type Tool, tool } from "../../../src/tools/tool.js";
import type { RunToolkit, Toolkit, ToolkitRun, ToolTurn } from "../../../src/tools/toolkit.js";

export interface FakeToolkit extends Toolkit {
  /** Everything that was asked of it, in order. */
  log: string[];
  runs: ToolkitRun[];
}

export interface FakeOptions {
  name?: string;
  /** How it differs from one that does as it should. */
  run?: Partial<RunToolkit>;
  open?: (run: ToolkitRun) => Promise<void> | void;
  tools?: (turn: ToolTurn) => Tool[];
  log?: string[];
}

/** A tool that does nothing, for agents that must have worked before they answer. */
export const look = tool({ name: "look", description: "Looks.", input: { type: "object" }, execute: () => "seen" });

/** A toolkit that does nothing but write down what it is asked. */
export function fakeToolkit({ name = "fake", run: more = {}, open, tools = () => [], log = [] }: FakeOptions = {}): FakeToolkit {
  const runs: ToolkitRun[] = [];
  return {
    name,
    log,
    runs,
    async open(run) {
      log.push(`${name} open ${run.agents.map(({ agentId, alias }) => `${agentId}=${alias}`).join(" ")}`);
      runs.push(run);
      await open?.(run);
      return {
        tools,
        async handIn({ agentId, phase, labels }) {
          log.push(`${name} hand in ${agentId} ${phase} [${labels.join(" ")}]`);
          return (label) => {
            log.push(`${name} commit ${agentId} ${label}`);
          };
        },
        async close() {
          log.push(`${name} close`);
        },
        ...more,
      };
    },
    async close() {
      log.push(`${name} closed for good`);
    },
  };
}

/** Resolves after `ms` of the runtime's time. */
export const later = (runtime: Runtime, ms: number): Promise<void> =>
  new Promise((resolve) => {
    runtime.setTimer(ms, resolve);
  });
