import { MassGenError } from "../../errors.js";

export type OpenTelemetry = typeof import("@opentelemetry/api");

/** The `@opentelemetry/api` package, loaded when tracing is on. Throws `missing_peer` where it is not installed. */
export async function loadApi(load: () => Promise<OpenTelemetry> = () => import("@opentelemetry/api")): Promise<OpenTelemetry> {
  try {
    return await load();
  } catch (cause) {
    const code = (cause as { code?: unknown } | null)?.code;
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw cause;
    const message = "`tracing` needs the `@opentelemetry/api` package. Install it: npm i @opentelemetry/api";
    throw new MassGenError("missing_peer", message, { cause });
  }
}
