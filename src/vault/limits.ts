/**
 * Records that one key may seal with nonces of 96 random bits: NIST SP 800-38D, 8.3, allows 2^32. A new key is offered
 * from the first number on, and nothing is sealed any more from the second.
 */
export const sealsOffered = 2 ** 30;
export const sealsForced = 2 ** 31;
