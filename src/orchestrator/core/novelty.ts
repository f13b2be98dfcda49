/** Two texts with the same normal form are the same answer. */
export function normalizeText(text: string): string {
  return text.normalize("NFC").trim().replace(/\s+/g, " ");
}

/** Runs of this many characters are compared: works for prose, code and scripts without spaces alike. */
const SHINGLE = 5;

/** Overlap of two texts from 0 to 1 (Jaccard over character shingles). */
export function similarity(a: string, b: string): number {
  const left = shingles(a);
  const right = shingles(b);
  if (left.size === 0 || right.size === 0) return left.size === right.size ? 1 : 0;
  let common = 0;
  for (const shingle of left) if (right.has(shingle)) common++;
  return common / (left.size + right.size - common);
}

function shingles(text: string): Set<string> {
  const normal = normalizeText(text).toLowerCase();
  const found = new Set<string>();
  for (let i = 0; i + SHINGLE <= normal.length; i++) found.add(normal.slice(i, i + SHINGLE));
  if (found.size === 0 && normal !== "") found.add(normal);
  return found;
}

const PLEASANTRY =
  /^(sure|ok(ay)?|certainly|of course|great( question)?|understood|got it|absolutely|happy to help|i understand|no problem|thanks?( you)?)\b[^.!?:]{0,40}$/i;
const ANNOUNCEMENT =
  /^((first|next|then|now|so|and|after that),? )?(i('ll| will| am going to|'m going to| am about to|'m about to| plan to| intend to| need to| am working| am currently|'m working| can help)|let me|let's|we will|we'll|allow me|give me|one moment|just a moment|please wait|stand by|working on (it|this|that|your)|hold on)\b/i;

/** Whether a text only says what its author is going to do. Short answers are fine; announcements are not. */
export function isPromise(text: string): boolean {
  if (text.length > 1200) return false;
  const sentences = text
    .trim()
    .split(/(?<=[.!?…:])\s+|\n+/)
    .map((sentence) => sentence.replace(/[.!?…:]+$/, "").trim())
    .filter((sentence) => sentence !== "");
  return sentences.some((s) => ANNOUNCEMENT.test(s)) && sentences.every((s) => ANNOUNCEMENT.test(s) || PLEASANTRY.test(s));
}
