/**
 * A word of a command as far as it is known without running anything: its text, or something that comes out of an
 * expansion - one word (`"$x"`), or any number of them (`$x`, `*.ts`).
 */
export type Word = { text: string } | { text?: undefined; many: boolean };

/** One program with its arguments, as a shell would start it. */
export interface SimpleCommand {
  words: Word[];
  /** Names of the variables set for it (`A=1 make`), or by it where it has no words (`A=1`). */
  assigns: string[];
}

/** The command cannot be read with certainty; the message says which part. */
export class Unreadable extends Error {}

export const textOf = (words: readonly Word[]): string => words.map((word) => word.text ?? "…").join(" ");
