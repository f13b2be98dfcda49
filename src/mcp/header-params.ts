const KEY = "x-mcp-header";
/** A header's name by RFC 9110. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TYPES = ["string", "integer", "boolean"];
/** Keywords whose values are data, not schemas. */
const DATA = new Set(["default", "const", "enum", "examples", "example"]);

/**
 * What is wrong with a schema's `x-mcp-header` marks, by which arguments are repeated as HTTP headers (specification of 2026-07-28,
 * SEP-2243). A client must not offer a tool whose marks break the rules: non-empty header names, unique whatever their case, on
 * properties of a plain type that are reached through `properties` alone.
 */
export function headerFault(schema: Record<string, unknown>): string | undefined {
  const seen = new Set<string>();
  return visit(schema, "", false);

  /** `property`: the schema of a property that is reached through `properties` alone. */
  function visit(node: unknown, path: string, property: boolean): string | undefined {
    if (typeof node !== "object" || node === null) return undefined;
    const own = node as Record<string, unknown>;
    if (KEY in own) {
      const name = own[KEY];
      if (!property) return `marks ${path === "" ? "the whole input" : path} as a header, which is not a property of its own`;
      if (typeof name !== "string" || !TOKEN.test(name)) return `marks ${path} with ${JSON.stringify(name)}, which names no header`;
      if (!TYPES.includes(own.type as string)) return `marks ${path} as a header, which is no text, integer or boolean`;
      if (seen.has(name.toLowerCase())) return `marks two properties as the header ${name}`;
      seen.add(name.toLowerCase());
    }
    for (const [key, value] of Object.entries(own)) {
      if (DATA.has(key) || typeof value !== "object" || value === null) continue;
      const reached = key === "properties" && !Array.isArray(value) && (property || path === "");
      for (const [name, inner] of key === "properties" ? Object.entries(value) : [[key, value] as const]) {
        const fault = visit(inner, path === "" ? name : `${path}.${name}`, reached);
        if (fault !== undefined) return fault;
      }
    }
    return undefined;
  }
}
