import { MassGenError } from "../../errors.js";
import { loadPackage } from "../../load-package.js";

export type OpenTelemetry = typeof import("@opentelemetry/api");

/** The `@opentelemetry/api` package, loaded when tracing is on. Throws `missing_peer` where it is not installed. */
export function loadApi(load: () => Promise<OpenTelemetry> = () => import("@opentelemetry/api")): Promise<OpenTelemetry> {
  return loadPackage("@opentelemetry/api", load, (needs, cause) => new MassGenError("missing_peer", `\`tracing\` ${needs}`, { cause }));
}
