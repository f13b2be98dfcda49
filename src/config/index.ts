/** `massgen/config`: teams written in YAML or JSON. */
export { type LoadedConfig, loadConfig, type ParseOptions, parseConfig } from "./parse.js";
