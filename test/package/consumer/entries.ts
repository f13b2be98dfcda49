// Every entry, so that all declarations of the package are checked.
export * as massgen from "massgen";
export { Agent, type Backend, createBackend, MassGenError, Orchestrator, tool } from "massgen";
export { checkClaudeParams, modelRule } from "massgen/api-params-handler";
export { loadConfig } from "massgen/config";
export { filePart, toClaudeMessages } from "massgen/formatter";
export { readRecord, recordRun, renderReport } from "massgen/run-record";
export { createServer, type ServeOptions, serve } from "massgen/server";
export { scriptedBackend, simulatedTeam, startEmulator } from "massgen/testing";
export { costOf, countTokens, priceOf } from "massgen/token-manager";
export { createMemory, createTaskPlanning } from "massgen/tools";
