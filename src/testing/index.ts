/** `massgen/testing`: what you need to test code that uses massgen without a provider, a network or a sleep. */
export type { Emulator, EmulatorOptions } from "./emulator/emulator.js";
export { startEmulator } from "./emulator/emulator.js";
export type { ExchangeEnd, RecordedRequest } from "./emulator/record.js";
export type {
  EmulatedMessage,
  EmulatedPrompt,
  Fault,
  Framing,
  Reply,
  ReplyRule,
  ReplySource,
  ReplyToolCall,
  RuleInfo,
} from "./emulator/reply.js";
export type { ContextWindow } from "./emulator/window.js";
export { seededRandom } from "./random.js";
export {
  callTool,
  chunk,
  cut,
  fail,
  finish,
  hang,
  newAnswer,
  type ScriptedCallInfo,
  type ScriptedPart,
  type ScriptedRule,
  type ScriptedStep,
  say,
  think,
  vote,
  wait,
} from "./script.js";
export { type ScriptedBackend, type ScriptedBackendOptions, scriptedBackend } from "./scripted-backend.js";
export { type SimulatedTeamOptions, simulatedTeam } from "./simulated-team.js";
export { type RunUntilOptions, type VirtualRuntime, type VirtualRuntimeOptions, virtualRuntime } from "./virtual-runtime.js";
