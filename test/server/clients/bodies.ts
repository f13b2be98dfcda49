/** What the clients named send, field for field, their texts shortened. */

const readFile = {
  type: "function",
  function: {
    name: "read_file",
    description: "Reads a file.",
    parameters: { type: "object", properties: { path: { type: "string" } }, required: ["path"] },
  },
};
const { function: flat } = readFile;
const applyPatch = {
  type: "custom",
  name: "ApplyPatch",
  description: "Edits files.",
  format: { type: "grammar", syntax: "lark", definition: "start: begin_patch hunk end_patch" },
};

/** Cursor, Ask: chat completions with flat custom tools among nested functions. */
export const cursorAsk = {
  model: "team",
  stream: true,
  stream_options: { include_usage: true },
  temperature: 0,
  user: "google-oauth2|1",
  messages: [
    { role: "system", content: "You are a coding assistant in Cursor." },
    { role: "user", content: [{ type: "text", text: "<user_query>\nAdd hello() to main.py\n</user_query>" }] },
  ],
  tools: [readFile, applyPatch],
  tool_choice: "auto",
};

/** Cursor, Agent: Responses in all but the address. */
export const cursorAgent = {
  model: "team",
  stream: true,
  stream_options: { include_usage: true },
  store: false,
  include: ["reasoning.encrypted_content"],
  reasoning: { effort: "medium", summary: "auto" },
  text: { verbosity: "low" },
  user: "google-oauth2|1",
  prompt_cache_key: "conversation-1",
  metadata: {},
  input: [
    { role: "system", content: "You are a coding assistant in Cursor." },
    { role: "user", content: [{ type: "input_text", text: "Add hello() to main.py" }] },
    { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "c2VjcmV0" },
    { type: "function_call", call_id: "call_a", name: "read_file", arguments: '{"path":"main.py"}' },
    { type: "function_call_output", call_id: "call_a", output: "print(1)" },
  ],
  tools: [{ type: "function", ...flat, strict: false }, applyPatch],
  tool_choice: "auto",
  parallel_tool_calls: true,
};

/** Cursor with a model whose name looks like one of Anthropic's: their blocks and tools, on the same address. */
export const cursorBlocks = {
  model: "team",
  stream: true,
  max_tokens: 4096,
  system: [{ type: "text", text: "You are a coding assistant in Cursor.", cache_control: { type: "ephemeral" } }],
  messages: [
    { role: "user", content: [{ type: "text", text: "Add hello() to main.py", cache_control: { type: "ephemeral" } }] },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "Let me look.", signature: "c2ln" },
        { type: "text", text: "Reading." },
        { type: "tool_use", id: "toolu_1", name: "read_file", input: { path: "main.py" } },
      ],
    },
    {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "toolu_1", content: [{ type: "text", text: "print(1)" }] },
        { type: "text", text: "Go on." },
      ],
    },
  ],
  tools: [{ name: flat.name, description: flat.description, input_schema: flat.parameters }],
  tool_choice: { type: "auto", disable_parallel_tool_use: true },
};

/** Continue, agent mode. */
export const continueAgent = {
  model: "team",
  max_tokens: 4096,
  stream: true,
  stream_options: { include_usage: true },
  parallel_tool_calls: false,
  messages: [
    { role: "system", content: "<important_rules>You are in agent mode.</important_rules>" },
    { role: "user", content: [{ type: "text", text: "What is in main.py?" }] },
  ],
  tools: [readFile],
};

export const continueTitle = {
  model: "team",
  max_tokens: 16,
  stream: true,
  messages: [
    {
      role: "user",
      content:
        "Given the following... please reply with a title for the chat that is 3-4 words in length, all words used should be directly related to the content of the chat, no additional text or explanation.\n\nIt prints 1.",
    },
  ],
};

/** Cline: the tools are told of in the prompt. */
export const cline = {
  model: "team",
  temperature: 0,
  stream: true,
  stream_options: { include_usage: true },
  messages: [
    { role: "system", content: "You are Cline, a highly skilled software engineer." },
    {
      role: "user",
      content: [
        { type: "text", text: "<task>\nWhat is in main.py?\n</task>" },
        { type: "text", text: "<environment_details>\n# Current Mode\nPLAN MODE\n</environment_details>" },
      ],
    },
  ],
};

/** aider, through LiteLLM. */
export const aider = {
  model: "team",
  temperature: 0,
  stream: true,
  messages: [
    { role: "system", content: "Act as an expert software developer." },
    { role: "user", content: "I switched to a new code base." },
    { role: "assistant", content: "Ok." },
    { role: "user", content: "Add hello() to main.py" },
    { role: "system", content: "Reply with SEARCH/REPLACE blocks." },
  ],
};

/** Open WebUI: a chat, and the tasks it asks for beside it. */
export const openWebUi = {
  model: "team",
  stream: true,
  stream_options: { include_usage: true },
  messages: [
    { role: "system", content: "User: Ada" },
    {
      role: "user",
      content: [
        { type: "text", text: "What is this?" },
        { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } },
      ],
    },
  ],
};

const task = (text: string, limit?: number) => ({
  model: "team",
  stream: false,
  ...(limit !== undefined && { max_completion_tokens: limit }),
  messages: [{ role: "user", content: `### Task:\n${text}\n### Chat History:\n<chat_history>\nUSER: Hi\n</chat_history>` }],
});

export const openWebUiTasks = {
  title: task("Generate a concise, 3-5 word title with an emoji summarizing the chat history.\n### Guidelines:", 1000),
  tags: task("Generate 1-3 broad tags categorizing the main themes of the chat history, along with 1-3 more specific subtopic tags."),
  "follow-ups": task("Suggest 3-5 relevant follow-up questions or prompts that the user might naturally ask next in this conversation."),
  queries: task("Analyze the chat history to determine the necessity of generating search queries, in the given language."),
};

/** LibreChat. */
export const libreChat = {
  model: "team",
  temperature: 0.7,
  top_p: 1,
  presence_penalty: 0.5,
  frequency_penalty: 0.25,
  user: "6650c0ffee",
  stream: true,
  stream_options: { include_usage: true },
  messages: [{ role: "user", content: "Which index fits?" }],
};

export const libreChatTitles = {
  completion: {
    model: "team",
    temperature: 0.2,
    stream: false,
    messages: [
      {
        role: "user",
        content:
          "Provide a concise, 5-word-or-less title for the conversation, using title case conventions. Only return the title itself.\n\nConversation:\nUser: Hi\nAI: Hello",
      },
    ],
  },
  structured: {
    model: "team",
    stream: false,
    messages: [
      {
        role: "user",
        content:
          "Analyze this conversation and provide:\n1. The detected language of the conversation\n2. A concise title in the detected language (5 words or less, no punctuation or quotation)\n\nUser: Hi\nAI: Hello",
      },
    ],
    tools: [
      {
        type: "function",
        function: {
          name: "extract",
          parameters: {
            type: "object",
            properties: { language: { type: "string" }, title: { type: "string" } },
            required: ["language", "title"],
          },
        },
      },
    ],
    tool_choice: { type: "function", function: { name: "extract" } },
  },
};
