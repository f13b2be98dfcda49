/** `massgen/server`: teams behind an OpenAI-compatible URL. */
export { type RunningServer, type ServeOptions, serve } from "./node.js";
export type { RequestRecord, RequestStart, ServerOptions } from "./options.js";
export { createServer, type Server } from "./server.js";
