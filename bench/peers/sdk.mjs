// The SDK line of this folder.
export { default as OpenAI } from "openai";
