// What the examples in the documentation have from the program around them.
type BackendConfig = import("massgen").BackendConfig;
declare const agents: import("massgen").AgentConfig[];
declare const orchestrator: import("massgen").Orchestrator;
declare const team: import("massgen").Orchestrator;
declare const run: import("massgen").Run;
declare const signal: AbortSignal;
declare const bytes: Uint8Array;
declare const key: string;
declare const prompt: string;
declare function show(agentId: string, delta: string): void;
declare function connect(options: { signal: AbortSignal }): Promise<{ query(sql: string): unknown; close(): Promise<void> }>;
// Other people's packages, which are not installed here.
declare const OpenAI: new (options: object) => unknown;
declare function createOpenAICompatible(options: object): (model: string) => unknown;
declare function generateText(options: object): Promise<{ text: string }>;
declare const app: { use(path: string, listener: unknown): void };
declare module "vitest" {
  const expect: (value: unknown) => {
    toBe(expected: unknown): void;
    toHaveLength(length: number): void;
    rejects: { toThrow(): Promise<void> };
  };
  const it: (name: string, test: () => Promise<void>) => void;
}
