// What of a UPS's many values an operator wants on one line. Pure.
import { formatValue, humanName, unitOf } from "../format/quantity";

const SHOWN = 3;

/** The values that matter most, in this order; others follow as they come. */
const FIRST = ["battery_charge_ratio", "battery_seconds_remaining", "load_ratio", "input_volts"];

/** Facts of a power device: "on mains", "battery charge 93 %", "battery remaining 17 min". */
export function powerFacts(values: Record<string, number>): string[] {
  const source = values.on_battery === undefined ? [] : [values.on_battery >= 1 ? "on battery" : "on mains"];
  const rest = Object.keys(values).filter((name) => !FIRST.includes(name) && !/^(on_battery|power_on)/.test(name));
  const names = [...FIRST.filter((name) => values[name] !== undefined), ...rest];
  const facts = names.map((name) => `${humanName(name)} ${formatValue(values[name] ?? Number.NaN, unitOf(name))}`);
  return [...source, ...facts].slice(0, SHOWN + source.length);
}
