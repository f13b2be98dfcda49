import type { ModelSettings } from "../../backends/backend.js";
import type { Message, ToolChoice } from "../../formatter/messages.js";

/** A tool of the client's, by the name the client knows. */
export interface ClientTool {
  name: string;
  description: string;
  inputSchema: Record<string, unknown>;
  /** Takes free text (a custom or grammar tool): the field `input` of our schema. Says how its calls go back. */
  freeText?: "function" | "custom";
}

/** What a request asks for, whichever API and dialect it came in. */
export interface RunRequest {
  /** As the client named it. */
  model: string;
  /** System and developer messages, in their order. */
  system: string | undefined;
  messages: Message[];
  tools: ClientTool[];
  toolChoice: ToolChoice | undefined;
  /** Whether the client takes several calls in one reply. */
  parallelToolCalls: boolean;
  settings: ModelSettings;
  stream: boolean;
  /** A last chunk with the usage. */
  includeUsage: boolean;
  /** Winner, votes, answers, usage and cost by agent, with the reply. */
  wantsMetadata: boolean;
  user: string | undefined;
  metadata: Record<string, string> | undefined;
  /** What the Responses API repeats in its reply. */
  echo?: { instructions: string | null; truncation: "auto" | "disabled"; verbosity: "low" | "medium" | "high" };
}
