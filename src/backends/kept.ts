/** What is made at its first use, once, however many wait for it; again after a failure. */
export class Kept<T extends { close(): Promise<void> }> {
  readonly #make: () => Promise<T>;
  #made: Promise<T> | undefined;

  constructor(make: () => Promise<T>) {
    this.#make = make;
  }

  get(): Promise<T> {
    this.#made ??= this.#make().catch((error: unknown) => {
      this.#made = undefined;
      throw error;
    });
    return this.#made;
  }

  /** Closes what was made, if it was. The next `get` makes another. */
  async close(): Promise<void> {
    const made = this.#made;
    this.#made = undefined;
    await (await made?.catch(() => undefined))?.close();
  }
}
