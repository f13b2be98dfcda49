import { checkChatParams } from "../../api-params-handler/chat-completions.js";
import { chatBodyParams } from "../../api-params-handler/chat-completions-request.js";
import type { BackendRequest } from "../backend.js";
import { readersOf } from "../presets.js";
import type { ResolvedChatConfig } from "./config.js";

/** The parameters of one request. What is said about them goes into `warnings`. */
export function requestParams(config: ResolvedChatConfig, request: BackendRequest, warnings: string[]): Record<string, unknown> {
  const { type, preset, params, rule, model } = config;
  const server = { ...preset, type, readersOf };
  const own = request.params ? checkChatParams(request.params, server, "request.params") : {};
  const asked = effortParams(config);
  // A null of the user's means: not even the default.
  const said = [params, own].some((layer) => "reasoning_effort" in layer || Object.keys(asked).some((key) => key in layer));
  const defaultEffort = said ? undefined : config.defaultEffort;
  const body = chatBodyParams(params, request.settings, own, { ...server, rule, model, defaultEffort }, warnings);
  if (said || "reasoning_effort" in body) return body;
  return { ...asked, ...body };
}

/** How the effort is asked for where nobody names one. */
function effortParams({ preset, defaultEffort }: ResolvedChatConfig): Record<string, unknown> {
  if (!defaultEffort) return {};
  return preset.effort && defaultEffort !== "max" ? preset.effort(defaultEffort) : { reasoning_effort: defaultEffort };
}
