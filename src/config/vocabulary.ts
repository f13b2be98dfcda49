import { nearest } from "../nearest-key.js";
import { knownKeys } from "./schema.js";

/** Keys of MassGen 1, anywhere. */
export const outdated: ReadonlySet<string> = new Set([
  "models",
  "model_configs",
  "num_agents",
  "max_rounds",
  "consensus_threshold",
  "voting_enabled",
  "enable_voting",
]);

/** Keys of MassGen whose features this version does not have yet, by part of the file. */
const later: Readonly<Record<string, readonly string[]>> = {
  "": ["memory", "session_id", "hooks", "nlip", "skills"],
  agents: ["memory", "nlip", "subtask", "tools", "subagent_agents", "voting_sensitivity"],
  backend: [
    "disallowed_tools",
    "max_mcp_message_history",
    "media_max_file_size_mb",
    "enable_audio_generation",
    "enable_file_generation",
    "enable_multimodal_tools",
    "enable_computer_use",
    "permission_mode",
    "max_thinking_tokens",
    "agent_config",
    "group_config",
    "hooks",
  ],
  orchestrator: [
    "session_storage",
    "dspy",
    "skip_coordination_rounds",
    "debug_final_answer",
    "message_templates",
    "shared_conversation_memory",
    "shared_persistent_memory",
  ],
  "orchestrator.coordination": ["use_skills", "massgen_skills", "skills_directory", "broadcast", "persona_generator", "enable_subagents"],
  timeout_settings: ["initial_round_timeout_seconds", "subsequent_round_timeout_seconds", "round_timeout_grace_seconds"],
  ui: ["logging_enabled", "theme", "refresh_rate", "automation_mode", "show_timestamps", "max_content_lines", "max_line_length"],
};

/** What does some of what a feature that is not there did. */
const instead: Readonly<Record<string, string>> = {
  ".memory": "; what its `compression` did is `compaction` under `orchestrator`",
  "agents.memory": "; what its `compression` did is `compaction` under `orchestrator`",
};

/** Keys of MassGen that will not come, and why. */
const gone: Readonly<Record<string, string>> = {
  "backend.enable_video_generation":
    "is gone: no backend makes video since OpenAI ended Sora in September 2026; Gemini understands it. Remove the key",
  "backend.context_write_access_enabled":
    "is gone: the winner alone may write to context paths, when it presents the final answer. Remove the key",
  "backend.agent_temporary_workspace": "is gone: agents read the files of answers where they are kept. Remove the key",
  "backend.command_line_docker_enable_sudo":
    "is gone: commands run without more rights in a container. Take an image that has what they need",
  "backend.command_line_docker_packages": "is gone: nothing is installed when a run starts. Take an image that has the packages",
  "backend.command_line_docker_credentials": "is gone: no keys of yours are handed to what models run. Remove the key",
  "backend.custom_tools.preset_args": "is gone: give a tool its fixed values where it is written. Remove the key",
  "backend.custom_tools.name": "is gone: `tool()` names it. Remove the key",
  "backend.custom_tools.description": "is gone: `tool()` describes it. Remove the key",
  "backend.custom_tools.category": "is gone: there are no categories of tools. Remove the key",
  "mcp_servers.security":
    "is not carried over: which programs and addresses are servers is for you to say, and the file says it. Remove the key; `allowed_tools` and `exclude_tools` limit what agents may call",
};

/** Keys of MassGen that are taken and change nothing, and why. Whoever reads the file is told. */
export const withoutEffect: Readonly<Record<string, string>> = {
  "orchestrator.snapshot_storage": "the files of answers are kept with the workspaces, under .massgen/workspaces",
  "orchestrator.agent_temporary_workspace": "agents read the files of answers where they are kept; no copies are made",
  "orchestrator.coordination.planning_mode_instruction": "each tool that is held back says so itself",
};

const COMPRESSION = "write `compaction: { low_water: … }` under `orchestrator`, the part of the window that is aimed at";

/** Keys that belong somewhere else, and where. */
const moved: Readonly<Record<string, string>> = {
  "agents.name": "write it as `id`",
  "agents.system_prompt": "write it as `system_message`",
  "agents.model": "it belongs under `backend`",
  "agents.type": "it belongs under `backend`",
  "backend.system_prompt": "write it as `system_message` of the agent",
  "backend.append_system_prompt": "write it as `system_message` of the agent",
  "backend.system_message": "it belongs to the agent, beside `backend`",
  "backend.enable_thinking": "for vLLM and SGLang write `chat_template_kwargs: { enable_thinking: … }`",
  "backend.enable_rate_limit": "write `rate_limits: { requests_per_minute: … }`",
  "orchestrator.enable_rate_limit": "write `rate_limits: { requests_per_minute: … }` under the `backend` of an agent",
  "backend.context_paths": "it belongs under `orchestrator`: all agents have the same",
  ".context_paths": "it belongs under `orchestrator`",
  "backend.custom_tools.func": "write it as `function`",
  "mcp_servers.http_read_timeout": "write it as `timeout`, the seconds of one call",
  "orchestrator.planning_mode": "write it as `enable_planning_mode` under `coordination`",
  "orchestrator.mcp_servers": "it belongs under the top level, for all agents, or under a `backend`",
  "agents.mcp_servers": "it belongs under `backend`",
  "agents.cwd": "it belongs under `backend`",
  ".compaction": "it belongs under `orchestrator`",
  "agents.compaction": "it belongs under `orchestrator`: all agents have the same",
  "backend.compaction": "it belongs under `orchestrator`: all agents have the same",
  "orchestrator.compression": COMPRESSION,
  "orchestrator.compression_target_ratio": COMPRESSION,
  "orchestrator.coordination.compression_target_ratio": COMPRESSION,
  "orchestrator.coordination.compaction": "it belongs under `orchestrator`",
  "orchestrator.compaction.trigger_threshold": "write it as `high_water`",
  "orchestrator.compaction.target_ratio": "write it as `low_water`",
  "orchestrator.compaction.timeout": "write it as `timeout_seconds`",
  ".prices": "it belongs under `orchestrator`",
  ".budget": "it belongs under `orchestrator`",
  ".rate_limits": "it belongs under the `backend` of an agent",
  "orchestrator.tracing": "it belongs to the top level",
  "orchestrator.logging": "it belongs to the top level",
  ".context_window": "it belongs under the `backend` of an agent",
  "agents.context_window": "it belongs under `backend`",
  "orchestrator.timeout": "timeouts belong under the top-level `timeout_settings`",
  "orchestrator.max_orchestration_restarts": "it belongs under `orchestrator.coordination`",
  "timeout_settings.agent_timeout_seconds": "write it as `turn_timeout_seconds`",
  ".voting_sensitivity": "it belongs under `orchestrator`",
  ".answer_novelty_requirement": "it belongs under `orchestrator`",
  ".max_new_answers_per_agent": "it belongs under `orchestrator`",
  ".orchestrator_timeout_seconds": "it belongs under `timeout_settings`",
};

const commandLine = /^command_line_|^docker_/;

/** Types of MassGen's that may not be there yet. */
export const laterTypes: readonly string[] = ["claude_code", "ag2", "autogen", "codex", "copilot", "inference"];

/** The part of a file that a path lies in: `agents[1].backend` is `agents.backend`; names that are the user's own do not count. */
export function partOf(path: readonly PropertyKey[]): string {
  const named = path.filter((key) => typeof key === "string");
  // A type and a model follow.
  if (named[0] === "orchestrator" && named[1] === "prices") named.splice(2, 2);
  return named.join(".").replace(/^(agents?\.backend\.)?mcp_servers(\..*)?$/, "mcp_servers");
}

/** What to say of a key that massgen knows and does not take here, or `undefined`. */
export function knownElsewhere(part: string, key: string): string | undefined {
  const [place] = /(?<=^agents?\.)(?:backend$|backend\.custom_tools$)/.exec(part) ?? [part === "agent" ? "agents" : part];
  if (outdated.has(key) && place !== "backend") {
    return "is a key of MassGen 1 and outdated. List the team under `agents`, each with its `backend`";
  }
  const over = gone[`${place}.${key}`];
  if (over !== undefined) return over;
  const hint = moved[`${place}.${key}`];
  if (hint !== undefined) return `does not belong here: ${hint}`;
  const notYet = later[place]?.includes(key) || (place === "backend" && commandLine.test(key));
  if (!notYet) return undefined;
  return `is a MassGen feature that this version does not support yet. Remove the key${instead[`${place}.${key}`] ?? ""}`;
}

/** What to say of a key that is not known. */
export function unknownKey(part: string, key: string): string {
  const elsewhere = knownElsewhere(part, key);
  if (elsewhere !== undefined) return elsewhere;
  const known = knownKeys[part] ?? [];
  const near = nearest(key, known);
  return near === undefined ? `is not a known key. There are ${known.join(", ")}` : `is not a known key. Did you mean "${near}"?`;
}
