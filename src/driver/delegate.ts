import type { Capabilities, Driver } from "./driver.ts";

/**
 * A driver that passes everything on to `driver` but for `own`; what wrappers are made of.
 * @param capsOf what becomes of its capabilities
 */
export function delegate(
  driver: Driver,
  own: Partial<Omit<Driver, "caps">>,
  capsOf: (caps: Capabilities) => Capabilities = (caps) => caps,
): Driver {
  const base: Driver = {
    api: 1,
    name: driver.name,
    // a getter: capabilities may be known only after open()
    get caps() {
      return capsOf(driver.caps);
    },
    open: (options) => driver.open(options),
    close: () => driver.close(),
    health: (options) => driver.health(options),
    get: (key, options) => driver.get(key, options),
    head: (key, options) => driver.head(key, options),
    put: (key, body, options) => driver.put(key, body, options),
    delete: (key, options) => driver.delete(key, options),
    list: (options) => driver.list(options),
    read: (key, options) => driver.read(key, options),
    write: (key, source, options) => driver.write(key, source, options),
  };
  if (driver.watch) base.watch = (options) => driver.watch!(options);
  if (driver.sweep) base.sweep = (options) => driver.sweep!(options);
  // not a spread, which would read the getter now
  return Object.assign(base, own);
}
