import type { BackendChunk } from "../backend.js";
import type { GeminiCandidate } from "./chunk.js";

type SourceChunk = Extract<BackendChunk, { type: "source" }>;

/** Sources repeat from chunk to chunk; each is told once. */
export class Sources {
  /** What the model searched the web for. */
  readonly queries: string[] = [];
  private readonly known = new Set<string>();

  /** The sources that this candidate is the first to name. */
  *take(candidate: GeminiCandidate): Generator<SourceChunk> {
    const { groundingMetadata: grounding, citationMetadata, urlContextMetadata } = candidate;
    for (const query of grounding?.webSearchQueries ?? []) if (!this.queries.includes(query)) this.queries.push(query);
    for (const chunk of grounding?.groundingChunks ?? []) {
      const { web, retrievedContext, maps, image } = chunk;
      if (image) yield* this.one(image.sourceUri ?? image.uri, image.title, image.text);
      else {
        const source = web ?? retrievedContext ?? maps;
        if (source) yield* this.one(source.uri, source.title, source.text);
      }
    }
    for (const citation of citationMetadata?.citationSources ?? []) yield* this.one(citation.uri, citation.title);
    for (const page of urlContextMetadata?.urlMetadata ?? []) {
      if (/SUCCESS/.test(page.urlRetrievalStatus ?? "SUCCESS")) yield* this.one(page.retrievedUrl);
    }
  }

  private *one(url: string | undefined, title?: string, text?: string): Generator<SourceChunk> {
    const key = url ?? title ?? text;
    if (!key || this.known.has(key)) return;
    this.known.add(key);
    yield { type: "source", ...(url && { url }), ...(title && { title }), ...(text && { text }) };
  }
}
