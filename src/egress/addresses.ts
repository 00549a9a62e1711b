import { BlockList, isIP } from "node:net";

/** What is not on the public internet: the special-purpose registries of IANA (RFC 6890), IPv4. */
const closed4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const;

/** Parts of 2000::/3 that lead elsewhere: protocol assignments and Teredo, documentation, 6to4. */
const closed6 = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const;

/** Says of an address in text form whether it lies on the public internet; anything else lies not. */
export function publicAddresses(): (address: string) => boolean {
  const closed = new BlockList();
  for (const [net, bits] of closed4) closed.addSubnet(net, bits, "ipv4");
  for (const [net, bits] of closed6) closed.addSubnet(net, bits, "ipv6");
  const global6 = new BlockList();
  global6.addSubnet("2000::", 3, "ipv6");

  return function isPublic(address) {
    const family = isIP(address);
    if (family === 4) return !closed.check(address, "ipv4");
    if (family !== 6 || address.includes("%")) return false;
    const inside = embedded(address);
    if (inside !== undefined) return isPublic(inside);
    return global6.check(address, "ipv6") && !closed.check(address, "ipv6");
  };
}

/** The IPv4 address in one that is mapped (`::ffff:0:0/96`) or translated (`64:ff9b::/96`), however it is spelled. */
function embedded(address: string): string | undefined {
  // a URL has one spelling for each address: lower case, shortest, without dots
  const text = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [, high, low] = /^(?:::ffff|64:ff9b:):([\da-f]{1,4}):([\da-f]{1,4})$/.exec(text) ?? [];
  if (high === undefined || low === undefined) return undefined;
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join(".");
}
