/** `massgen/mcp`: tools from MCP servers. The official client is imported when a server is first needed. */
export type { McpAuthProvider, McpHttpServer, McpServerConfig, McpServerOptions, McpServersConfig, McpStdioServer } from "./config.js";
export { createMcpServers, type McpToolkit, type McpToolkitOptions } from "./toolkit.js";
