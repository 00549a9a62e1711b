import { BlockList, isIP } from "node:net";
import { CitadelError } from "./errors.ts";

/**
 * Says whether an address lies in one of the blocks; what is no address lies in none. IPv4 addresses that are mapped into IPv6
 * (`::ffff:10.0.0.1`) count as what they are.
 * @param blocks addresses and CIDR blocks of both families
 * @throws E_CONFIG for anything else
 */
export function addressBlocks(blocks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const block of blocks) {
    const [address = "", bits] = block.split("/");
    const version = isIP(address);
    if (version === 0)
      throw new CitadelError("E_CONFIG", `${JSON.stringify(block)} is no address or CIDR block`);
    const type = version === 4 ? "ipv4" : "ipv6";
    if (bits === undefined) list.addAddress(address, type);
    else list.addSubnet(address, Number(bits), type);
  }
  return (address) => {
    const plain = plainAddress(address);
    const version = isIP(plain);
    return version !== 0 && list.check(plain, version === 4 ? "ipv4" : "ipv6");
  };
}

/** `10.0.0.1` of `::ffff:10.0.0.1`; any other text as it is. */
export const plainAddress = (address: string): string =>
  address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
