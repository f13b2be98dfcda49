import type { Message, ToolChoice } from "../formatter/messages.js";
import { RESERVED_TOOL_NAMES, type Tool } from "../tools/tool.js";
import type { ClientTool } from "./requests/run-request.js";

/** The client's tools under names that providers take and nobody else in the run has. */
export interface NamedTools {
  tools: Tool[];
  /** The client's tool behind a name of the run. */
  clientTool(name: string): ClientTool | undefined;
  choice(choice: ToolChoice | undefined): ToolChoice | undefined;
  /** The conversation with the calls renamed as the tools are. */
  messages(messages: Message[]): Message[];
}

/** `taken`: names that agents' tools have. `mayBeTaken`: whether a tool of the run, one of a toolkit still to be opened say, may have a name. */
export function nameTools(
  clientTools: readonly ClientTool[],
  taken: Iterable<string>,
  mayBeTaken: (name: string) => boolean = () => false,
): NamedTools {
  const used = new Set([...RESERVED_TOOL_NAMES, ...taken]);
  const ours = new Map<string, string>();
  const theirs = new Map<string, ClientTool>();
  const tools = clientTools.map((tool): Tool => {
    const name = freeName(tool.name, used, mayBeTaken);
    used.add(name);
    ours.set(tool.name, name);
    theirs.set(name, tool);
    const description = name === tool.name ? tool.description : `The user's own tool "${tool.name}". ${tool.description}`.trim();
    return { name, description, inputSchema: tool.inputSchema };
  });
  const renamed = [...ours].some(([from, to]) => from !== to);
  return {
    tools,
    clientTool: (name) => theirs.get(name),
    choice: (choice) => (typeof choice === "object" ? { toolName: ours.get(choice.toolName) ?? choice.toolName } : choice),
    messages: (messages) => (renamed ? messages.map((message) => rename(message, ours)) : messages),
  };
}

function freeName(name: string, used: ReadonlySet<string>, mayBeTaken: (name: string) => boolean): string {
  const safe = name.replace(/[^\w-]/g, "_").slice(0, 64);
  if (!used.has(safe) && !mayBeTaken(safe)) return safe;
  for (let n = 1; ; n++) {
    const other = `client${n === 1 ? "" : n}_${safe}`.slice(0, 64);
    if (!used.has(other)) return other;
  }
}

function rename(message: Message, ours: ReadonlyMap<string, string>): Message {
  if (message.role === "user" || typeof message.content === "string") return message;
  const content = message.content.map((part) =>
    part.type === "tool-call" || part.type === "tool-result" ? { ...part, toolName: ours.get(part.toolName) ?? part.toolName } : part,
  );
  return { ...message, content } as Message;
}
