/** What kinds of values there are; each but `custom` is checked, see `check.ts`. */
export const valueTypes = [
  ...(["password", "api-key", "certificate", "jwt", "connection", "custom"] as const),
] as const;
export type ValueType = (typeof valueTypes)[number];

export const isValueType = (value: unknown): value is ValueType =>
  valueTypes.includes(value as ValueType);
