/** `massgen/testing`: what you need to test code that uses massgen without a provider, a network or a sleep. */
export { seededRandom } from "./random.js";
export { type RunUntilOptions, type VirtualRuntime, type VirtualRuntimeOptions, virtualRuntime } from "./virtual-runtime.js";
