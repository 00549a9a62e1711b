/** Text without what XML 1.0 cannot hold, however it is written. */
export const legal = (text: string): string =>
  text.toWellFormed().replace(/[^\P{Cc}\t\n\r\u0080-\u009f]|[\ufffe\uffff]/gu, "");
