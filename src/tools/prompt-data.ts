/** A text that goes into a prompt as data: it can end no part of the prompt and begin none. */
export function promptData(text: string): string {
  return text.replace(/<(?=\s*\/?\s*(?:note|task|answers?|presented|feedback|reasons)\b)/gi, "&lt;");
}
