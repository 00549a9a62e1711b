export { takeCensus, type Census } from "./census.ts";
