import { BackendError } from "../errors.js";
import { loadPackage } from "../load-package.js";

/** A provider's SDK, loaded when first needed. Throws a `BackendError` `missing_sdk` where it is not installed. */
export function loadSdk<T>(name: string, load: () => Promise<T>): Promise<T> {
  return loadPackage(name, load, (needs, cause) => new BackendError("missing_sdk", `This backend ${needs}`, { cause }));
}
