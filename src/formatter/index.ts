/** `massgen/formatter`: neutral messages in the spelling of each API, and files as parts of messages. */
export {
  type ChatMessage,
  type ChatTarget,
  toChatMessages,
  toChatToolChoice,
  toChatTools,
} from "./chat-completions.js";
export {
  type ClaudeBlock,
  type ClaudeMessage,
  type ClaudeTarget,
  fromClaudeBlocks,
  toClaudeMessages,
  toClaudeToolChoice,
  toClaudeTools,
} from "./claude.js";
export { type FilePartOptions, filePart } from "./file-part.js";
export {
  fromGeminiParts,
  type GeminiContent,
  type GeminiPart,
  type GeminiTarget,
  toGeminiContents,
  toGeminiToolChoice,
  toGeminiTools,
} from "./gemini.js";
export type * from "./messages.js";
export { textOf } from "./messages.js";
export {
  fromResponsesItems,
  type ResponseItem,
  type ResponsesTarget,
  toResponsesInput,
  toResponsesToolChoice,
  toResponsesTools,
} from "./openai-responses.js";
