import { ConfigError } from "../errors.js";
import { checkKind, isObject, type ParamKind, respelled } from "./values.js";

/** What the check of one API's parameters goes by. */
export interface ParamRules {
  /** Every parameter, in the API's spelling. */
  kinds: Readonly<Record<string, ParamKind>>;
  /** Parameters that massgen sets itself, and what the user sets instead. */
  reserved: Readonly<Record<string, string>>;
  /** The parameter that is sent as it is, and what may not stand in it. */
  extra: { name: string; without: readonly string[] };
  /** The API's spelling of a key. */
  spell(key: string): string;
  /** Keys whose values are the user's own, and stay as they are spelled. */
  own: ReadonlySet<string>;
  /** More parameters of that sort, which are so at the top level alone. */
  kept?(name: string): boolean;
  /** Says that there is no such parameter, and which may be meant. */
  unknown(key: string, name: string): string;
  /** Throws for what the API does not take although it is of the right kind. */
  check?(name: string, value: unknown, key: string, path: string): void;
}

/**
 * Checks parameters and gives them the API's spelling. Throws a `ConfigError` for a key the API does not have, for one that is not the
 * user's to set, for one that is given twice, and for a value of the wrong kind.
 */
export function checkParams(params: Record<string, unknown>, rules: ParamRules, path: string): Record<string, unknown> {
  const { kinds, reserved, extra, spell, own, kept } = rules;
  const refuseReserved = (key: string, name: string, at: string) => {
    if (!Object.hasOwn(reserved, name)) return;
    throw new ConfigError("reserved_key", `"${key}" is set by massgen. Use ${reserved[name]}.`, { path: at });
  };
  const checked: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(params)) {
    if (value === undefined) continue;
    const name = spell(key);
    const at = `${path}.${key}`;
    if (!Object.hasOwn(kinds, name)) {
      refuseReserved(key, name, at);
      throw new ConfigError("unknown_key", rules.unknown(key, name), { path: at });
    }
    if (Object.hasOwn(checked, name)) {
      throw new ConfigError("duplicate_key", `"${name}" is given twice, in two spellings. Keep one.`, { path: at });
    }
    if (value !== null) checkKind(key, value, kinds[name]!, at);
    if (name === extra.name && isObject(value)) {
      for (const inner of extra.without) if (Object.hasOwn(value, inner)) refuseReserved(inner, inner, `${at}.${inner}`);
    }
    rules.check?.(name, value, key, at);
    checked[name] = own.has(name) || kept?.(name) ? value : respelled(value, spell, own, at);
  }
  return checked;
}
