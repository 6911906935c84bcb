// What of a UPS's many values an operator wants on one line. Pure.
import { formatValue, humanName, unitOf } from "../format/quantity";

const SHOWN = 2;

/** The values that matter most, in this order, under short names; others follow as they come. */
const FIRST: Record<string, string> = {
  battery_charge_ratio: "charge",
  battery_seconds_remaining: "lasts",
  load_ratio: "load",
  input_volts: "input",
};

/** Said otherwise, or of no use between two cuts. */
const LEFT_OUT = /^(on_battery|power_on|cut_)/;

/** Facts of a power device: "on mains", "charge 93 %", "lasts 17 min". */
export function powerFacts(values: Record<string, number>): string[] {
  const source = values.on_battery === undefined ? [] : [values.on_battery >= 1 ? "on battery" : "on mains"];
  const rest = Object.keys(values).filter((name) => FIRST[name] === undefined && !LEFT_OUT.test(name));
  const names = [...Object.keys(FIRST).filter((name) => values[name] !== undefined), ...rest].slice(0, SHOWN);
  const say = (name: string) =>
    `${FIRST[name] ?? humanName(name)} ${formatValue(values[name] ?? Number.NaN, unitOf(name))}`;
  return [...source, ...names.map(say)];
}
