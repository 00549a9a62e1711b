// Runs the install scripts of named packages of a tree: <folder> <name@version>…
import process from "node:process";
import Arborist from "@npmcli/arborist";

const [, , path = "", ...allowed] = process.argv;
await new Arborist({
  path,
  binLinks: false,
  foregroundScripts: true,
  allowScripts: Object.fromEntries(allowed.map((one) => [one, true])),
}).rebuild();
