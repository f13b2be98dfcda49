import { GoogleGenAI } from "@google/genai";

/**
 * The bare SDK on the Gemini API.
 * @param {{ baseUrl: string, model: string }} options
 */
export default async function genai({ baseUrl, model }) {
  const client = new GoogleGenAI({ apiKey: "sk-bench", httpOptions: { baseUrl: baseUrl.replace(/\/v1$/, "") } });
  /** @param {(text: string) => void} onText */
  return async (onText) => {
    const stream = await client.models.generateContentStream({ model, contents: [{ role: "user", parts: [{ text: "Say something." }] }] });
    for await (const chunk of stream) {
      for (const part of chunk.candidates?.[0]?.content?.parts ?? []) if (part.text) onText(part.text);
    }
  };
}
