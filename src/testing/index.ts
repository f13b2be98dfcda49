/** `massgen/testing`: what you need to test code that uses massgen without a provider, a network or a sleep. */
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
export { type RunUntilOptions, type VirtualRuntime, type VirtualRuntimeOptions, virtualRuntime } from "./virtual-runtime.js";
